package main

import (
	"cmp"
	"slices"
	"strings"

	"golang.org/x/text/currency"

	"github.com/trunkline/trunkline/sql"
)

// billing reads rate cards and, from a file of its own, whose numbers are whose.
func (f *configFile) billing(c section, into *sql.Settings) error {
	members, err := c.members("contacts", "rate-cards")
	if err != nil {
		return err
	}
	for _, m := range members {
		switch m.name() {
		case "contacts":
			name, err := m.text("the name of a CSV file")
			if err != nil {
				return err
			}
			if into.Contacts, err = readContacts(f.path(name)); err != nil {
				return m.errorf("%w", err)
			}
		case "rate-cards":
			if into.RateCards, err = rateCards(m); err != nil {
				return err
			}
		}
	}
	return nil
}

// rateCards reads a list of cards; those of one contact, and the default ones, must not overlap in time.
func rateCards(c section) ([]sql.RateCard, error) {
	entries, err := c.entries("a mapping for each card, with at least currency and rate-per-minute")
	if err != nil {
		return nil, err
	}
	var out []sql.RateCard
	for i, entry := range entries {
		card, err := rateCard(entry)
		if err != nil {
			return nil, err
		}
		for j, other := range out {
			if card.ContactID == other.ContactID && overlap(card.ValidFrom, card.ValidTo, other.ValidFrom, other.ValidTo) {
				return nil, entry.errorf("%s has another card for some of the same days, in line %d; expected valid-from and valid-to without a common day",
					cmp.Or(card.ContactID, "the default"), entries[j].line)
			}
		}
		out = append(out[:i:i], card)
	}
	return out, nil
}

// overlap reports whether two stretches of days have a common one. Both ends are inside; an empty one is without bound.
func overlap(from, to, otherFrom, otherTo string) bool {
	return (otherTo == "" || from <= otherTo) && (to == "" || otherFrom <= to)
}

var cardKeys = []string{"contact", "currency", "rate-per-minute", "initial", "increment", "minimum", "grace", "free", "valid-from", "valid-to"}

// freeKinds are the calls that a card can make free; all of them are where it does not say.
var freeKinds = []string{"internal", "missed", "voicemail"}

func rateCard(c section) (sql.RateCard, error) {
	card := sql.RateCard{IncrementS: 1, InternalFree: true, MissedFree: true, VoicemailFree: true}
	members, err := c.members(cardKeys...)
	if err != nil {
		return card, err
	}
	for _, m := range members {
		if err := cardMember(&card, m); err != nil {
			return card, err
		}
	}
	switch {
	case card.Currency == "" || card.RatePerMinute == "":
		return card, c.errorf("expected currency and rate-per-minute in every card, such as currency: EUR and rate-per-minute: 1.50")
	case card.ValidTo != "" && card.ValidTo < card.ValidFrom:
		return card, c.errorf("valid-to %s is before valid-from %s; expected the last day of the card, which is a day of it", card.ValidTo, card.ValidFrom)
	}
	return card, nil
}

func cardMember(card *sql.RateCard, m section) (err error) {
	switch m.name() {
	case "contact":
		card.ContactID, err = m.text("the id of a contact, as in the contact file")
	case "currency":
		card.Currency, card.CurrencyDigits, err = currencyOf(m)
	case "rate-per-minute":
		if card.RatePerMinute, err = m.text("a decimal number such as 1.50"); err == nil && !rateForm.MatchString(card.RatePerMinute) {
			err = m.errorf("%q: expected a decimal number such as 1.50, below 1000000, with at most four digits behind the point", card.RatePerMinute)
		}
	case "initial":
		card.InitialS, err = m.seconds()
	case "increment":
		if card.IncrementS, err = m.seconds(); err == nil && card.IncrementS == 0 {
			err = m.errorf("expected an increment of at least 1s")
		}
	case "minimum":
		card.MinimumS, err = m.seconds()
	case "grace":
		card.GraceS, err = m.seconds()
	case "free":
		err = cardFree(card, m)
	case "valid-from":
		card.ValidFrom, err = m.date()
	case "valid-to":
		card.ValidTo, err = m.date()
	}
	return err
}

func cardFree(card *sql.RateCard, m section) error {
	expected := "kinds of calls that are free: " + strings.Join(freeKinds, ", ")
	entries, err := m.entries(expected)
	if err != nil {
		return err
	}
	var kinds []string
	for _, entry := range entries {
		kind, err := entry.text(expected)
		if err != nil {
			return err
		}
		if !slices.Contains(freeKinds, kind) || slices.Contains(kinds, kind) {
			return entry.errorf("%q: expected each once, of %s", kind, strings.Join(freeKinds, ", "))
		}
		kinds = append(kinds, kind)
	}
	card.InternalFree, card.MissedFree, card.VoicemailFree =
		slices.Contains(kinds, "internal"), slices.Contains(kinds, "missed"), slices.Contains(kinds, "voicemail")
	return nil
}

// currencyOf reads a code of ISO 4217, and how many digits behind the point its amounts have (CLDR's table, which x/text carries).
func currencyOf(m section) (code string, digits int, err error) {
	const expected = "a code of ISO 4217 in capitals, such as EUR"
	if code, err = m.text(expected); err != nil {
		return "", 0, err
	}
	unit, err := currency.ParseISO(code)
	if err != nil || unit.String() != code {
		return "", 0, m.errorf("%q: expected %s", code, expected)
	}
	digits, _ = currency.Standard.Rounding(unit)
	return code, digits, nil
}
