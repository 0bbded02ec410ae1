package pipeline

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"iter"
	"slices"
	"strings"

	"github.com/apache/arrow-go/v18/arrow"

	"github.com/trunkline/trunkline/pipeline/ringcentral"
	"github.com/trunkline/trunkline/sinks"
)

// What RingCentral lists only extension by extension is read in one window over all owed days, one list an extension: so a run costs a
// request for each extension, however many days are owed. The rows wait on local disk by day, and the days are written when every
// extension has answered. Asking what changed since the last time (message-sync) would cost as many requests and needs a token
// for each extension; it is not used.
//
// A user without a permission's extended scope may read his own extension alone. Of the call log, ten requests of which are allowed a
// minute, his own is asked for first, and after three refusals, if nobody else answered, no more are: who may read some
// others, but not the first ones, is taken for such a user. Of messages all are asked for, which is cheap.

// extensions reads the owed days of a stream, extension by extension.
func (e *extraction) extensions(ctx context.Context) error {
	if err := e.accountKnown(ctx); err != nil {
		return err
	}
	days, err := e.days()
	if err != nil {
		return err
	}
	if len(days) > 0 { // those between were read just now
		days = Window{days[0], days[len(days)-1] + 1}.Days()
	}
	u := unitOf(days, e.Now)
	if len(days) == 0 || !u.From.Before(u.To) {
		return e.emit(Event{Planned: &Planned{AccountID: e.AccountID}})
	}
	owners, listing, err := e.owners(ctx)
	if err == nil && e.stream.patience > 0 {
		owners, err = e.ownFirst(ctx, owners)
	}
	if err != nil {
		return err
	}
	if err := e.emit(Event{Planned: &Planned{AccountID: e.AccountID, Days: days, Requests: float64(listing) + e.stream.expectLists(len(owners), days, e.ledger, e.Sizing)}}); err != nil {
		return err
	}
	if err := e.warnAtRisk(days); err != nil {
		return err
	}
	return e.everyExtension(ctx, u, owners, listing)
}

// ownFirst puts the user's own extension before the others: it is the one that every user may read.
func (e *extraction) ownFirst(ctx context.Context, owners []listed) ([]listed, error) {
	own, err := e.client.OwnExtension(ctx)
	if err != nil || own == "" {
		return owners, err
	}
	owners = slices.DeleteFunc(owners, func(x listed) bool { return x.id() == own })
	return slices.Insert(owners, 0, listed{ID: json.RawMessage(own)}), nil
}

// owners lists the extensions that can have records of their own, asking RingCentral, in so many requests, if this run has not yet. Whoever
// may not know the others is left with his own, where the stream knows it.
func (e *extraction) owners(ctx context.Context) (owners []listed, requests int, err error) {
	if !e.shared.asked {
		var all []listed
		for page, err := range e.client.Extensions(ctx, e.AccountID) {
			requests++
			if refused, ok := refusal(err); ok && refused.PermissionMissing() && e.stream.patience > 0 {
				return nil, requests, e.warn("%s: which extensions there are may not be read, so that the user's own log is read alone: %v", e.stream.Name, err)
			}
			if err != nil {
				return nil, requests, fmt.Errorf("which extensions are there? %w", err)
			}
			all = append(all, listedIn(page.Body)...)
		}
		e.shared.extensions, e.shared.asked = all, true
	}
	owners = slices.DeleteFunc(slices.Clone(e.shared.extensions), func(x listed) bool { return slices.Contains(ownNothing, x.Type) })
	return owners, requests, nil
}

// ownNothing are the types of extensions that have neither a message store nor calls of their own. Others, unknown ones too, are asked.
var ownNothing = []string{
	"IvrMenu", "ParkLocation", "Site", "PagingOnly", "ApplicationExtension", "RoomConnector", "ProxyAdmin", "GroupCallPickup",
	"DelegatedLinesGroup", "TieLine",
}

// gathering is what one reading of every extension has brought so far.
type gathering struct {
	*closedRead
	spill   *sinks.Spill
	refused []string // extensions that did not answer, and why
	first   error    // of the refusals
	denied  int      // of the refusals those for want of a permission
	unasked int      // extensions that were not asked any more
}

// everyExtension reads the unit of every extension and then brings its days into the lake. listing is how many requests it took to know them.
func (e *extraction) everyExtension(ctx context.Context, u Unit, owners []listed, listing int) error {
	r, err := e.newRead(ctx)
	if err != nil {
		return &lakeError{err}
	}
	defer r.close()
	g := &gathering{closedRead: r}
	if g.spill, err = e.lake.NewSpill(e.stream.Table, e.stream.columns.Schema()); err != nil {
		return &lakeError{err}
	}
	defer g.spill.Close()
	g.extensions = len(owners)
	for i, x := range owners {
		if e.stream.patience > 0 && g.answered <= 1 && g.denied >= e.stream.patience {
			g.unasked = len(owners) - i
			break
		}
		if err := e.oneExtension(ctx, g, u, x); err != nil {
			return err
		}
	}
	if g.answered == 0 && g.first != nil {
		return g.first
	}
	if err := e.emit(Event{Extensions: &ExtensionsRead{Answered: g.answered, Extensions: g.extensions, Refused: len(g.refused), Listing: listing}}); err != nil {
		return err
	}
	if err := e.warnRefused(g); err != nil {
		return err
	}
	if g.readAt.IsZero() {
		g.readAt = e.clock()
	}
	return e.bring(ctx, r, u.Days, func(day arrow.Date32) (*sinks.Read, error) {
		rows, err := g.spill.Reading(day)
		if err == nil {
			rows.BuriedBy(r.rows)
		}
		return rows, err
	})
}

// warnRefused names the extensions whose records are not in what was read.
func (e *extraction) warnRefused(g *gathering) error {
	const shown = 10
	silent := len(g.refused) + g.unasked
	if silent == 0 {
		return nil
	}
	what := fmt.Sprintf("%s: %d of %d extensions did not answer and are not in it: %s", e.stream.Name, silent, g.extensions,
		strings.Join(g.refused[:min(shown, len(g.refused))], ", "))
	if n := len(g.refused) - shown; n > 0 {
		what += fmt.Sprintf(" and %d more", n)
	}
	if g.unasked > 0 {
		what += fmt.Sprintf("; the other %d were not asked, since the user was refused the first %d and may read but his own: %v", g.unasked, g.denied, g.first)
	}
	return e.warn("%s", what)
}

// oneExtension reads one extension. That it may not be read, or is gone, does not keep the others away.
func (e *extraction) oneExtension(ctx context.Context, g *gathering, u Unit, x listed) error {
	for page, err := range e.stream.list(ctx, e.client, e.AccountID, x.id(), u, e.perPage()) {
		if refused, ok := ofOne(err); ok {
			g.refused = append(g.refused, fmt.Sprintf("%s (%d %s)", x.id(), refused.Status, refused.Code))
			if refused.PermissionMissing() {
				g.denied++
			}
			if g.first == nil {
				g.first = err
			}
			return nil
		}
		if err != nil {
			return fmt.Errorf("extension %s: %w", x.id(), err)
		}
		if err := e.gather(g, page); err != nil {
			return fmt.Errorf("extension %s: %w", x.id(), err)
		}
	}
	g.answered++
	return nil
}

// ofOne reports whether an error is about one extension alone.
func ofOne(err error) (*ringcentral.Error, bool) {
	refused, ok := refusal(err)
	return refused, ok && (refused.NotFound() || refused.ExtensionRefused())
}

// refusal is RingCentral's answer in an error.
func refusal(err error) (refused *ringcentral.Error, ok bool) {
	ok = errors.As(err, &refused)
	return refused, ok
}

func (e *extraction) gather(g *gathering, page ringcentral.Page) error {
	if g.pages++; g.pages == 1 {
		g.readAt = page.ReadAt
	}
	if e.stream.isCallLog() {
		g.hidesDeleted = g.hidesDeleted || !page.ShowDeleted
	}
	body, err := e.stream.prepared(page.Path, page.Body)
	if err == nil {
		_, err = e.decoder.Append(body)
	}
	if err != nil {
		return fmt.Errorf("page %d (request %s): %w", page.Number, page.RequestID, err)
	}
	batch, err := e.privacy.apply(e.decoder.Batch())
	if err != nil {
		return err
	}
	unplaced, err := g.spill.Append(batch)
	if err != nil {
		return &lakeError{err}
	}
	if len(unplaced) > 0 {
		if err := g.rows.AppendUnplaced(batch, unplaced); err != nil {
			return err
		}
	}
	if err := e.keepPage(g.closedRead, page, ""); err != nil {
		return err
	}
	return e.emit(Event{Page: &PageRead{Number: page.Number, Records: page.Records, Bytes: len(page.Body)}})
}

func messagePages(ctx context.Context, c *ringcentral.Client, account, extension string, u Unit, perPage int) iter.Seq2[ringcentral.Page, error] {
	return c.Messages(ctx, account, extension, u.From, u.To, &ringcentral.MessageOptions{PerPage: perPage})
}
