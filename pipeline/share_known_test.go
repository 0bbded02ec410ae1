package pipeline

import (
	"fmt"
	"log/slog"
	"net/http"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/pipeline/ringcentral/simulator"
)

// sharers are processes that share a rate of ten a minute through one lake, in the time of a synctest bubble. They read and write no
// tables: encoders of Parquet live on from one bubble to the next, which synctest does not permit.
type sharers struct {
	t    *testing.T
	sim  *simulator.Simulator
	dir  string
	wait sync.WaitGroup
}

func newSharers(t *testing.T) *sharers {
	o := &simulator.Options{Population: simulator.Population{Seed: 1, Extensions: 12, CallsPerDay: 60}, HeavyLimit: 10}
	sim, err := simulator.New(o)
	if err != nil {
		t.Fatal(err)
	}
	return &sharers{t: t, sim: sim, dir: t.TempDir()}
}

func (s *sharers) client(sharing *Sharing) *ringcentral.Client {
	s.t.Helper()
	id, secret, jwt := s.sim.Credentials()
	client, err := ringcentral.New(ringcentral.Credentials{ServerURL: "http://127.0.0.1:1", ClientID: id, ClientSecret: secret, JWT: jwt},
		&ringcentral.Options{HTTPClient: &http.Client{Transport: direct{s.sim, func(string) error { return nil }}}, OnPenalty: sharing.Penalty})
	if err != nil {
		s.t.Fatal(err)
	}
	return client
}

// begin joins a process that, some time after it joined, reads four days of its own in pages of ten.
func (s *sharers) begin(k int, after time.Duration) *ringcentral.Client {
	sharing := NewSharing()
	client, lake, name := s.client(sharing), openLake(s.t, s.dir), fmt.Sprint("process-", k)
	s.wait.Go(func() {
		leave := sharing.Join(s.t.Context(), client, lake, name, time.Now, slog.New(slog.DiscardHandler))
		defer leave()
		time.Sleep(after)
		from := fourDays.From - 4*arrow.Date32(k)
		for _, err := range client.CallLog(s.t.Context(), OwnAccount, dayStart(from), dayStart(from+4), &ringcentral.CallLogOptions{PerPage: 10}) {
			if err != nil {
				s.t.Errorf("%s: %v", name, err)
			}
		}
	})
	return client
}

// TestProcessesThatKnowEachOtherEarnNoPenalty: processes that begin one after the other, each counting for itself, would send several times the rate; so
// would those that go on when others leave, if what these have sent were forgotten at once.
func TestProcessesThatKnowEachOtherEarnNoPenalty(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		synctest.Test(t, func(t *testing.T) {
			time.Sleep(time.Until(simulated))
			s := newSharers(t)
			for k := range n {
				s.begin(k, holdRenewed+time.Second) // so that the others know of it
				time.Sleep(2 * time.Second)
			}
			s.wait.Wait()
			if stats := s.sim.Stats(); stats.Heavy.Limited+stats.Auth.Limited > 0 || stats.Heavy.Requests < int64(15*n) {
				t.Errorf("%d processes earned penalties: %+v", n, stats)
			}
		})
	}
}

// TestProcessesShareAPenalty: another program with the same user and application, which tells nobody, uses the rate up; the process that
// meets the penalty tells the one that comes later, which then sends nothing that would begin it anew.
func TestProcessesShareAPenalty(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		time.Sleep(time.Until(simulated))
		s := newSharers(t)
		stranger := s.client(NewSharing())
		first, second := s.begin(0, 10*time.Second), s.begin(1, 45*time.Second)
		time.Sleep(9 * time.Second)
		for range 10 {
			for _, err := range stranger.CallLog(t.Context(), OwnAccount, dayStart(fourDays.From), dayStart(fourDays.To), nil) {
				if err != nil {
					t.Error(err)
				}
				break
			}
		}
		s.wait.Wait()
		if a, b := first.Requests().RateLimited, second.Requests().RateLimited; a != 1 || b != 0 || s.sim.Stats().Heavy.Limited != 1 {
			t.Errorf("the first met %d penalties, the second %d; %+v", a, b, s.sim.Stats())
		}
	})
}
