package simulator_test

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"

	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// ask sends a request without a network, as a client of a fixed host would.
func ask(s *simulator.Simulator, method, path, token, form string) *httptest.ResponseRecorder {
	r := httptest.NewRequest(method, "http://simulated.example"+path, strings.NewReader(form))
	r.Header.Set("Authorization", "Bearer "+token)
	if form != "" {
		id, secret, _ := s.Credentials()
		r.SetBasicAuth(id, secret)
		r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}

// enter logs in without a network.
func enter(t *testing.T, s *simulator.Simulator) string {
	t.Helper()
	_, _, jwt := s.Credentials()
	w := ask(s, "POST", tokenPath, "", url.Values{"grant_type": {jwtGrant}, "assertion": {jwt}}.Encode())
	return decode[struct {
		AccessToken string `json:"access_token"`
	}](t, w.Body.Bytes()).AccessToken
}

// What the simulator serves by default is built upon: goldens and numbers of others follow from these bytes. The hashes
// are those of the first release.
func TestDefaultsKeepTheirBytes(t *testing.T) {
	s := newSimulator(t, simulator.Options{})
	token := enter(t, s)
	for path, want := range map[string]string{
		callLog + "?view=Detailed&perPage=500&page=2&" + window(day(17), day(18)): "7091cdcbc8f4b94575e1dc64f6d5fce3cb44f6797673259bf8058b6a31a3d98a",
		callLog + "?showDeleted=true&type=Voice&" + window(day(16), day(18)):      "0905626afaa27012e9b0da00a5f73bab2f95178d71cc191807b3041f2f7d03e2",
		ownLog + "?view=Detailed&" + window(day(10), day(18)):                     "a777d04dd3ef6df3b534b5eca396bcb57239db8f0dc1ca123148f19309221194",
	} {
		sum := sha256.Sum256(ask(s, "GET", path, token, "").Body.Bytes())
		if got := hex.EncodeToString(sum[:]); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
}
