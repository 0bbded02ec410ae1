package simulator

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/golang-jwt/jwt/v5"
)

const (
	jwtGrant = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	// A sixth login of a user and application ends the oldest session.
	maxSessions = 5
	issuer      = "https://platform.ringcentral.example"
)

// sessions is who may log in, and who has. All text in it is derived from the seed.
type sessions struct {
	key                    []byte
	clientID, clientSecret string
	owner, scope           string
	lifetime               time.Duration

	mu     sync.Mutex
	logins int
	live   []session // oldest first, at most maxSessions; a session stays after its token expired
}

type session struct {
	token   string
	expires time.Time
}

func newSessions(o Options, user *extension) *sessions {
	key := sha256.Sum256(fmt.Appendf(nil, "credentials of seed %d", o.Seed))
	s := &sessions{key: key[:], owner: user.idText(), scope: strings.Join(o.granted(), " "), lifetime: o.TokenLifetime}
	s.clientID = s.derive("client id")[:22]
	s.clientSecret = s.derive("client secret")
	return s
}

// derive returns 43 characters that nobody without the seed can guess.
func (s *sessions) derive(name string) string {
	h := hmac.New(sha256.New, s.key)
	h.Write([]byte(name))
	return base64.RawURLEncoding.EncodeToString(h.Sum(nil))
}

func (s *sessions) personalJWT(expires time.Time) string {
	claims := jwt.RegisteredClaims{
		Issuer:   issuer,
		Subject:  s.owner,
		Audience: jwt.ClaimStrings{issuer + "/restapi/oauth/token"},
		ID:       s.derive("jwt id")[:22],
		IssuedAt: jwt.NewNumericDate(founded()),
	}
	if !expires.IsZero() {
		claims.ExpiresAt = jwt.NewNumericDate(expires)
	}
	text, err := jwt.NewWithClaims(jwt.SigningMethodHS256, claims).SignedString(s.key)
	if err != nil {
		panic(fmt.Sprintf("simulator: signing with an HMAC key: %v", err)) // only a key of the wrong Go type fails
	}
	return text
}

func (s *sessions) checkJWT(text string, now time.Time) *answer {
	_, err := jwt.ParseWithClaims(text, &jwt.RegisteredClaims{},
		func(*jwt.Token) (any, error) { return s.key, nil },
		jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}),
		jwt.WithTimeFunc(func() time.Time { return now }),
		jwt.WithSubject(s.owner))
	switch {
	case errors.Is(err, jwt.ErrTokenExpired):
		return oauthError(400, "invalid_grant", "OAU-331", "Invalid assertion: JWT is expired")
	case err != nil:
		return oauthError(400, "invalid_grant", "OAU-331", "Invalid assertion: JWT is not valid")
	}
	return nil
}

// checkClient tells whether a request comes from the application. The codes are those of published error bodies.
func (s *sessions) checkClient(r *http.Request) *answer {
	id, secret, ok := r.BasicAuth()
	if !ok {
		return oauthError(400, "invalid_client", "OAU-123", "Client authentication is required")
	}
	same := subtle.ConstantTimeCompare([]byte(id), []byte(s.clientID)) &
		subtle.ConstantTimeCompare([]byte(secret), []byte(s.clientSecret))
	if same != 1 {
		return oauthError(400, "invalid_client", "OAU-153", "Invalid client: "+id)
	}
	return nil
}

// tokenBody is the token endpoint's answer. A refresh token is only issued to applications that ask for the feature;
// this one does not.
type tokenBody struct {
	AccessToken string `json:"access_token"`
	TokenType   string `json:"token_type"`
	ExpiresIn   int64  `json:"expires_in"`
	Scope       string `json:"scope"`
	OwnerID     string `json:"owner_id"`
	EndpointID  string `json:"endpoint_id"`
	SessionID   string `json:"session_id"`
}

func (s *Simulator) token(r *http.Request) *answer {
	if media, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil ||
		media != "application/x-www-form-urlencoded" {
		// The status is published, its code is not.
		return oauthError(415, "invalid_request", "CMN-415", "Content-Type is not application/x-www-form-urlencoded")
	}
	if refusal := s.sessions.checkClient(r); refusal != nil {
		return refusal
	}
	switch r.PostFormValue("grant_type") {
	case jwtGrant:
	case "password", "client_credentials", "refresh_token", "authorization_code":
		return oauthError(400, "unauthorized_client", "OAU-251", "Unauthorized for this grant type")
	default:
		// The code of an unknown grant type is not published; that of a parameter's value is assumed.
		return oauthError(400, "unsupported_grant_type", "CMN-101", "Parameter [grant_type] value is invalid.")
	}
	ttl, ok := s.sessions.ttl(r.PostFormValue("access_token_ttl"))
	if !ok {
		return oauthError(400, "invalid_request", "CMN-101", "Parameter [access_token_ttl] value is invalid.")
	}
	now := s.options.Now()
	if refusal := s.sessions.checkJWT(r.PostFormValue("assertion"), now); refusal != nil {
		return refusal
	}
	s.counts.login()
	return &answer{status: 200, body: encode(s.sessions.login(now, ttl, r.PostFormValue("endpoint_id")))}
}

// ttl reads access_token_ttl, seconds: 600 to 3600, the nearest of these if it is outside, 3600 if it is absent.
func (s *sessions) ttl(text string) (time.Duration, bool) {
	seconds, err := strconv.Atoi(orDefault(text, "3600"))
	ttl := time.Duration(min(max(seconds, 600), 3600)) * time.Second
	return min(ttl, s.lifetime), err == nil
}

func (s *sessions) login(now time.Time, ttl time.Duration, endpoint string) tokenBody {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.logins++
	name := strconv.Itoa(s.logins)
	if len(s.live) == maxSessions {
		// One that has expired makes room before the oldest has to go.
		expired := slices.IndexFunc(s.live, func(l session) bool { return !now.Before(l.expires) })
		oldest := max(expired, 0)
		s.live = slices.Delete(s.live, oldest, oldest+1)
	}
	token := s.derive("access token " + name)
	s.live = append(s.live, session{token, now.Add(ttl)})
	return tokenBody{
		AccessToken: token,
		TokenType:   "bearer",
		ExpiresIn:   int64(ttl / time.Second),
		Scope:       s.scope,
		OwnerID:     s.owner,
		EndpointID:  orDefault(endpoint, s.derive("endpoint " + name)[:22]),
		SessionID:   s.derive("session " + name)[:22],
	}
}

// revoke ends a session; a token that is not known is no error.
func (s *Simulator) revoke(r *http.Request) *answer {
	if refusal := s.sessions.checkClient(r); refusal != nil {
		return refusal
	}
	token := r.FormValue("token")
	s.sessions.mu.Lock()
	defer s.sessions.mu.Unlock()
	s.sessions.live = slices.DeleteFunc(s.sessions.live, func(l session) bool { return l.token == token })
	return &answer{status: 200}
}

// end ends the session of a request.
func (s *sessions) end(r *http.Request) {
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	s.mu.Lock()
	defer s.mu.Unlock()
	s.live = slices.DeleteFunc(s.live, func(l session) bool { return l.token == token })
}

// check tells whether a request carries an access token that is accepted.
func (s *sessions) check(r *http.Request, now time.Time) *answer {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	switch {
	case scheme == "":
		return tokenInvalid("AGW-401", "AGW-401", "Authorization header is not specified")
	case !strings.EqualFold(scheme, "Bearer"):
		return tokenInvalid("OAU-151", "OAU-151", "Authorization method not supported")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	i := slices.IndexFunc(s.live, func(l session) bool { return l.token == token })
	switch {
	case i >= 0 && now.Before(s.live[i].expires):
		return nil
	case i >= 0:
		return tokenInvalid("TokenExpired", "OAU-128", "Access token expired")
	case len(token) == len(s.derive("")):
		return tokenInvalid("TokenInvalid", "OAU-213", "Token not found")
	default:
		return tokenInvalid("TokenInvalid", "OAU-149", "OAuth token is invalid")
	}
}
