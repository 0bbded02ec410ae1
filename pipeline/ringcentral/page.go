package ringcentral

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// contents is what the client itself wants to know of a page; the records are passed over unread.
type contents struct {
	uri     string
	records int
	hash    [sha256.Size]byte // of the records' bytes
	more    bool              // navigation.nextPage is there
	sync    syncInfo          // of the change feed
}

// syncInfo is where the change feed goes on. Zero is unsaid.
type syncInfo struct {
	token, time string
	newer       bool // records exist that are newer than the page's
}

// errMalformed marks a body that is not one JSON value, as opposed to one that is not a page.
var errMalformed = errors.New("the body is not one JSON value")

// A repeatedError marks records that an earlier page of the window had: its number.
type repeatedError int

func (e repeatedError) Error() string { return fmt.Sprintf("the same records as on page %d", int(e)) }

// malformed leaves out where in the body it was, but for the offset: names in it can be anything, secrets included.
func malformed(err error) error {
	var syntax *jsontext.SyntacticError
	if errors.As(err, &syntax) {
		return fmt.Errorf("%w: %w after offset %d", errMalformed, syntax.Err, syntax.ByteOffset)
	}
	return fmt.Errorf("%w: %w", errMalformed, err)
}

// newDecoder reads the body in place. Doubled names and odd bytes inside records are data here: whoever
// decodes the records judges them.
func newDecoder(body []byte) *jsontext.Decoder {
	return jsontext.NewDecoder(bytes.NewBuffer(body), jsontext.AllowDuplicateNames(true), jsontext.AllowInvalidUTF8(true))
}

// members calls visit after each member's name; visit reads the member's value. The value that comes
// next must be an object.
func members(d *jsontext.Decoder, visit func(name string) error) error {
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	for d.PeekKind() != jsontext.KindEndObject {
		name, err := d.ReadToken()
		if err != nil {
			return malformed(err)
		}
		if err := visit(name.String()); err != nil {
			return err
		}
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	return nil
}

// document is members of a body that is one object and nothing else.
func document(d *jsontext.Decoder, visit func(name string) error) error {
	switch d.PeekKind() {
	case jsontext.KindBeginObject:
		if err := members(d, visit); err != nil {
			return err
		}
	default:
		if err := skip(d); err != nil {
			return err
		}
		return errors.New("the body is not a JSON object")
	}
	if _, err := d.ReadToken(); !errors.Is(err, io.EOF) {
		return malformed(errors.New("something follows the object"))
	}
	return nil
}

func skip(d *jsontext.Decoder) error {
	if err := d.SkipValue(); err != nil {
		return malformed(err)
	}
	return nil
}

// readContents walks a page once.
func readContents(body []byte) (contents, error) {
	var c contents
	found := false
	d := newDecoder(body)
	err := document(d, func(name string) error {
		switch {
		case name == "records" && found:
			return errors.New("the body has records twice")
		case name == "records" && d.PeekKind() == jsontext.KindBeginArray:
			found = true
			return c.readRecords(d, body)
		case name == "uri":
			return readText(d, &c.uri)
		case name == "syncInfo" && d.PeekKind() == jsontext.KindBeginObject:
			return members(d, func(name string) error { return c.sync.readMember(d, name) })
		case name == "navigation" && d.PeekKind() == jsontext.KindBeginObject:
			return members(d, func(name string) error {
				c.more = c.more || (name == "nextPage" && d.PeekKind() != jsontext.KindNull)
				return skip(d)
			})
		default:
			return skip(d)
		}
	})
	if err == nil && !found {
		err = errors.New("the body has no array records")
	}
	return c, err
}

func (s *syncInfo) readMember(d *jsontext.Decoder, name string) error {
	switch name {
	case syncToken:
		return readText(d, &s.token)
	case "syncTime":
		return readText(d, &s.time)
	case "newerRecordsExist":
		s.newer = d.PeekKind() == jsontext.KindTrue
	}
	return skip(d)
}

// readText takes a string and passes over everything else.
func readText(d *jsontext.Decoder, into *string) error {
	if d.PeekKind() != jsontext.KindString {
		return skip(d)
	}
	v, err := d.ReadToken()
	if err != nil {
		return malformed(err)
	}
	*into = v.String()
	return nil
}

func (c *contents) readRecords(d *jsontext.Decoder, body []byte) error {
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	start := d.InputOffset()
	for d.PeekKind() != jsontext.KindEndArray {
		if err := skip(d); err != nil {
			return err
		}
		c.records++
	}
	if _, err := d.ReadToken(); err != nil {
		return malformed(err)
	}
	c.hash = sha256.Sum256(body[start:d.InputOffset()])
	return nil
}

// accountOf finds the account id in a uri like https://host/restapi/v1.0/account/400130008/call-log; it is
// there even where the request said ~. Empty if it is not.
func accountOf(uri string) string {
	_, rest, _ := strings.Cut(uri, "/account/")
	id, _, _ := strings.Cut(rest, "/")
	if !isDigits(id) {
		return ""
	}
	return id
}

// readObject takes a body that is one object with an id of its own. A success can carry an error's body; an object without an id is
// nobody's.
func readObject(body []byte) (contents, error) {
	c := contents{records: 1}
	id, refused := "", false
	d := newDecoder(body)
	err := document(d, func(name string) error {
		switch name {
		case "uri":
			return readText(d, &c.uri)
		case "id":
			return readID(d, &id)
		case "errorCode":
			refused = true
		}
		return skip(d)
	})
	switch {
	case err != nil:
		return contents{}, err
	case refused:
		return contents{}, errors.New("the body is an error's, though the status is a success")
	case id == "":
		return contents{}, errors.New("the body has no id")
	}
	return c, nil
}

// readID takes an id as text. It is a number in some answers and a string in others, and longer than a float can hold.
func readID(d *jsontext.Decoder, into *string) error {
	if kind := d.PeekKind(); kind != jsontext.KindNumber && kind != jsontext.KindString {
		return skip(d)
	}
	v, err := d.ReadToken()
	if err != nil {
		return malformed(err)
	}
	*into = v.String()
	return nil
}

// readAccountID takes the account's id.
func readAccountID(body []byte) (string, error) {
	id := ""
	d := newDecoder(body)
	err := document(d, func(name string) error {
		if name != "id" {
			return skip(d)
		}
		return readID(d, &id)
	})
	if err != nil {
		return "", err
	}
	if !isDigits(id) {
		return "", errors.New("the account has no id of digits")
	}
	return id, nil
}
