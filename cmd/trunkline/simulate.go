package main

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// populationFlags say which company is invented.
type populationFlags struct {
	Extensions  int   `help:"Extensions of the invented company." default:"50"`
	CallsPerDay int   `help:"Calls of a working day; nights and weekends have fewer." default:"2000"`
	Seed        int64 `help:"Which of all such companies." default:"1"`
}

func (f populationFlags) population() simulator.Population {
	return simulator.Population{Seed: f.Seed, Extensions: f.Extensions, CallsPerDay: f.CallsPerDay}
}

// faultFlags say how answers are spoilt.
type faultFlags struct {
	Faults    string `help:"How much goes wrong: pages that drift, refusals, tokens that die, resets, errors of gateways." enum:"none,mild,hard" default:"none"`
	FaultSeed int64  `help:"Which of all such courses of faults." default:"1"`
}

func (f faultFlags) faults() simulator.Faults {
	return simulator.Faults{Profile: f.Faults, Seed: f.FaultSeed}
}

func (f faultFlags) spoils() bool { return f.Faults != "none" }

type simulateCmd struct {
	Records    []string `arg:"" optional:"" help:"Files of recorded call records (single records, arrays or API pages, JSON or NDJSON) to serve instead." type:"existingfile"`
	Listen     string   `help:"Address to listen on; loopback only." default:"127.0.0.1:8080"`
	HeavyLimit int      `help:"Heavy requests permitted in a window." default:"10"`
	Window     span     `help:"Length of the rate window." default:"60s"`
	Penalty    span     `help:"How long a caller who exceeds the rate is shut out; each request begins it anew." default:"60s"`
	Alive      bool     `help:"Calls and messages have a history: they are in progress, get recordings and costs later, move, are deleted."`
	Retention  span     `help:"How long calls are served, from their start; 0s means for ever." default:"0s"`
	Restricted bool     `help:"The credentials are those of a user who is no administrator: the company's call log is refused."`
	populationFlags
	faultFlags
}

// Run serves until interrupted.
func (c *simulateCmd) Run(s *session) error {
	recorded, err := readRecordings(c.Records)
	if err != nil {
		return usage(err)
	}
	population := c.population()
	population.Alive = c.Alive
	sim, err := simulator.New(&simulator.Options{
		Population: population, HeavyLimit: c.HeavyLimit, Window: time.Duration(c.Window), Penalty: time.Duration(c.Penalty),
		Recorded: recorded, Now: s.clock, Retention: time.Duration(c.Retention), Restricted: c.Restricted,
		Faults: c.faults(),
	})
	if err != nil {
		return usage(err)
	}
	server, err := serve(sim, c.Listen)
	if err != nil {
		return err
	}
	defer server.close()
	id, secret, jwt := sim.Credentials()
	if _, err := fmt.Fprintf(s.stdout, "export RC_SERVER_URL=%s\nexport RC_APP_CLIENT_ID=%s\nexport RC_APP_CLIENT_SECRET=%s\nexport RC_USER_JWT=%s\n",
		server.url, id, secret, jwt); err != nil {
		return err
	}
	s.log.Info("serving until interrupted", "url", server.url, "account", sim.AccountID())
	select {
	case <-s.ctx.Done():
	case err := <-server.failed:
		return fmt.Errorf("serve %s: %w", c.Listen, err)
	}
	stats := sim.Stats()
	s.summary.Requests = &reqSum{
		Total: int(stats.Requests()), RateLimited: int(stats.Heavy.Limited + stats.Medium.Limited + stats.Light.Limited + stats.Auth.Limited),
		ByGroup: map[string]int{
			"Auth": int(stats.Auth.Requests), "Light": int(stats.Light.Requests), "Medium": int(stats.Medium.Requests), "Heavy": int(stats.Heavy.Requests),
		},
	}
	return nil
}

func readRecordings(names []string) ([]simulator.Recording, error) {
	var out []simulator.Recording
	for _, name := range names {
		b, err := os.ReadFile(name)
		if err != nil {
			return nil, err
		}
		out = append(out, simulator.Recording{Name: name, Body: b})
	}
	return out, nil
}

// served is a simulator that listens.
type served struct {
	url    string
	server *http.Server
	failed chan error
}

// serve starts the simulator on an address of the loopback interface.
func serve(sim *simulator.Simulator, address string) (*served, error) {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return nil, usage(fmt.Errorf("--listen %q: expected an address such as 127.0.0.1:8080", address))
	}
	if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, usage(fmt.Errorf("--listen %q: the simulator speaks plain http and listens on loopback only, such as 127.0.0.1:8080", address))
	}
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return nil, usage(fmt.Errorf("--listen: %w", err))
	}
	s := &served{
		url: "http://" + listener.Addr().String(), failed: make(chan error, 1),
		server: &http.Server{Handler: sim, ReadHeaderTimeout: 10 * time.Second},
	}
	go func() {
		if err := s.server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
			s.failed <- err
		}
	}()
	return s, nil
}

func (s *served) close() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if err := s.server.Shutdown(ctx); err != nil {
		_ = s.server.Close()
	}
}

// credentials are what a client needs for the simulator.
func (s *served) credentials(sim *simulator.Simulator) ringcentral.Credentials {
	id, secret, jwt := sim.Credentials()
	return ringcentral.Credentials{ServerURL: s.url, ClientID: id, ClientSecret: secret, JWT: jwt}
}
