package ringcentral

import (
	"encoding/base64"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
)

// Credentials are what a login needs, and where it holds. All but the address of media are required. Printing or
// logging them, in whatever form, shows the server and the client id and never the two secrets.
type Credentials struct {
	ServerURL    string // scheme and host, e.g. https://platform.ringcentral.com; RC_SERVER_URL
	ClientID     string // the application; RC_APP_CLIENT_ID
	ClientSecret string // the application's secret; RC_APP_CLIENT_SECRET
	JWT          string // the user's personal JWT; RC_USER_JWT
	// MediaURL is the scheme and host that recordings come from; RC_MEDIA_URL. The token goes there too.
	// Default: the server's with media for platform, as https://media.ringcentral.com, or the server's own if it is
	// not called so.
	MediaURL string
}

// String names the server and the client id.
func (c Credentials) String() string {
	return fmt.Sprintf("ringcentral.Credentials{%q, client %q}", safeURL(c.ServerURL), c.ClientID)
}

// GoString is String.
func (c Credentials) GoString() string { return c.String() }

// Format prints String for every verb: those that do not fit would spell out the fields.
func (c Credentials) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, c.String()) }

// LogValue is what slog prints.
func (c Credentials) LogValue() slog.Value { return slog.StringValue(c.String()) }

// MarshalText keeps the secrets out of encoders that look into structs, such as encoding/json.
func (c Credentials) MarshalText() ([]byte, error) { return []byte(c.String()), nil }

// safeURL is the address without what may be secret in it: user, password, query.
func safeURL(address string) string {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" {
		return ""
	}
	return u.Scheme + "://" + u.Host
}

// check says which variable is missing or wrong, and returns the addresses of the server and of its media.
func (c Credentials) check() (server, media *url.URL, err error) {
	var missing []string
	for _, v := range [][2]string{
		{"RC_SERVER_URL", c.ServerURL}, {"RC_APP_CLIENT_ID", c.ClientID},
		{"RC_APP_CLIENT_SECRET", c.ClientSecret}, {"RC_USER_JWT", c.JWT}, {"RC_MEDIA_URL", c.MediaURL},
	} {
		if v[1] == "" && v[0] != "RC_MEDIA_URL" {
			missing = append(missing, v[0])
		}
		if strings.ContainsAny(v[1], " \t\r\n") {
			return nil, nil, fmt.Errorf("%s contains white space: set it without blanks and line ends", v[0])
		}
	}
	if len(missing) > 0 {
		return nil, nil, fmt.Errorf("credentials are incomplete: set %s", strings.Join(missing, ", "))
	}
	if server, err = checkServer("RC_SERVER_URL", c.ServerURL, "https://platform.ringcentral.com"); err != nil {
		return nil, nil, err
	}
	if c.MediaURL == "" {
		return server, mediaOf(server), nil
	}
	media, err = checkServer("RC_MEDIA_URL", c.MediaURL, "https://media.ringcentral.com")
	return server, media, err
}

// mediaOf is where a server's media are unless it is said: RingCentral's hosts are named platform and media, in all its
// environments; a simulator serves both.
func mediaOf(server *url.URL) *url.URL {
	media := *server
	if label, rest, ok := strings.Cut(server.Host, "."); ok && strings.EqualFold(label, "platform") {
		media.Host = "media." + rest
	}
	return &media
}

// checkServer never quotes the address as a whole: it may carry a password.
func checkServer(name, address, example string) (*url.URL, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" {
		return nil, fmt.Errorf("%s is not an address: set it to the like of %s", name, example)
	}
	if u.User != nil || strings.Trim(u.Path, "/") != "" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("%s has more than a scheme and a host: set it to the like of %s", name, example)
	}
	if u.Scheme != "https" && (u.Scheme != "http" || !isLoopback(u.Hostname())) {
		return nil, fmt.Errorf("%s is %s://%s: use https (plain http is for this machine's own addresses only)", name, u.Scheme, u.Host)
	}
	return &url.URL{Scheme: u.Scheme, Host: u.Host}, nil
}

func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return strings.EqualFold(host, "localhost") || (ip != nil && ip.IsLoopback())
}

// A scrubber takes secrets out of text that came from elsewhere: servers echo what they were sent.
type scrubber struct {
	mu       sync.Mutex
	secrets  []string // for good
	passing  []string // the latest sync tokens, of which a long read has very many
	replacer *strings.Replacer
}

const (
	// mostPassing is far beyond the sync tokens that are in flight at any moment.
	mostPassing = 32
	// shortestPassing is far below their length; taking out shorter ones would only blot out words.
	shortestPassing = 8
)

func newScrubber(c Credentials) *scrubber {
	s := &scrubber{}
	s.add(c.ClientSecret, c.JWT, c.ClientID+":"+c.ClientSecret)
	return s
}

// add makes the secrets known.
func (s *scrubber) add(secrets ...string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.secrets = append(s.secrets, secrets...)
	s.build()
}

// pass makes a secret known until many others have passed.
func (s *scrubber) pass(secret string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(secret) < shortestPassing || slices.Contains(s.passing, secret) {
		return
	}
	s.passing = append(s.passing, secret)
	s.passing = s.passing[max(0, len(s.passing)-mostPassing):]
	s.build()
}

// build looks for the secrets plain and in the encodings in which they travel, the longest first, so that no
// part of one is left standing.
func (s *scrubber) build() {
	var forms []string
	for _, v := range slices.Concat(s.secrets, s.passing) {
		b := []byte(v)
		forms = append(forms, v, url.QueryEscape(v), url.PathEscape(v),
			base64.StdEncoding.EncodeToString(b), base64.RawStdEncoding.EncodeToString(b),
			base64.URLEncoding.EncodeToString(b), base64.RawURLEncoding.EncodeToString(b))
	}
	slices.SortFunc(forms, func(a, b string) int {
		if len(a) != len(b) {
			return len(b) - len(a)
		}
		return strings.Compare(a, b)
	})
	pairs := make([]string, 0, 2*len(forms))
	for _, v := range slices.Compact(forms) {
		pairs = append(pairs, v, "[secret]")
	}
	s.replacer = strings.NewReplacer(pairs...)
}

// text returns one printable line without secrets, at most 500 bytes. Cutting comes last: a secret
// that is cut first would not be recognised.
func (s *scrubber) text(t string) string {
	s.mu.Lock()
	r := s.replacer
	s.mu.Unlock()
	t = strings.Join(strings.FieldsFunc(r.Replace(t), func(c rune) bool { return c < ' ' || c == 0x7f }), " ")
	if len(t) > 500 {
		t = strings.ToValidUTF8(t[:500], "") + "..."
	}
	return t
}
