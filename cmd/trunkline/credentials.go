package main

import (
	"fmt"
	"os"
	"strings"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
)

// credential is one part of the credentials, by RingCentral's own name for its environment variable.
type credential struct {
	env    string
	secret bool
	into   func(*ringcentral.Credentials) *string
}

var credentialParts = []credential{
	{"RC_SERVER_URL", false, func(c *ringcentral.Credentials) *string { return &c.ServerURL }},
	{"RC_APP_CLIENT_ID", false, func(c *ringcentral.Credentials) *string { return &c.ClientID }},
	{"RC_APP_CLIENT_SECRET", true, func(c *ringcentral.Credentials) *string { return &c.ClientSecret }},
	{"RC_USER_JWT", true, func(c *ringcentral.Credentials) *string { return &c.JWT }},
	{"RC_MEDIA_URL", false, func(c *ringcentral.Credentials) *string { return &c.MediaURL }},
}

// productionServer is RingCentral's own (https://developers.ringcentral.com); partners' environments have others.
const productionServer = "https://platform.ringcentral.com"

func (c credential) key() string { return strings.ToLower(c.env) }

// credentialKeys are the keys that trunkline.yaml may hold: of a secret only the name of a file.
func credentialKeys() []string {
	var out []string
	for _, c := range credentialParts {
		if !c.secret {
			out = append(out, c.key())
		}
		out = append(out, c.key()+"_file")
	}
	return out
}

func secretKeys() []string {
	var out []string
	for _, c := range credentialParts {
		if c.secret {
			out = append(out, c.key())
		}
	}
	return out
}

// readCredentials takes each part from its variable, else from the file that …_FILE names, else from the configuration
// file. What is missing stays empty: the client says which variable to set.
func readCredentials(f *configFile) (ringcentral.Credentials, error) {
	creds := ringcentral.Credentials{}
	for _, part := range credentialParts {
		value, err := part.read(f)
		if err != nil {
			return creds, usage(err)
		}
		*part.into(&creds) = value
	}
	if creds.ServerURL == "" {
		creds.ServerURL = productionServer
	}
	return creds, nil
}

func (c credential) read(f *configFile) (string, error) {
	if v := os.Getenv(c.env); v != "" {
		return v, nil
	}
	if name := os.Getenv(c.env + "_FILE"); name != "" {
		return readSecretFile(c.env+"_FILE", name)
	}
	if v := f.values[c.key()]; v != "" && !c.secret {
		return v, nil
	}
	if name := f.values[c.key()+"_file"]; name != "" {
		return readSecretFile(f.name+": "+c.key()+"_file", f.path(name))
	}
	return "", nil
}

func readSecretFile(what, name string) (string, error) {
	b, err := os.ReadFile(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", what, err)
	}
	if v := strings.TrimSpace(string(b)); v != "" {
		return v, nil
	}
	return "", fmt.Errorf("%s: %s is empty", what, name)
}
