package simulator

import (
	"iter"
	"time"
)

// Records yields the truth: every record of the company's log with from <= startTime < to that can be seen now,
// oldest first, as the Detailed view serves it. Records that start in the same millisecond come in reversed order of
// the pages. The slices are the caller's to keep but not to change.
func (s *Simulator) Records(from, to time.Time) iter.Seq[[]byte] {
	return func(yield func([]byte) bool) {
		now := s.options.Now()
		first, last := s.calls.span(now)
		for day := max(first, dayOf(from.UnixMilli())); day <= min(last, dayOf(to.UnixMilli())); day++ {
			for _, r := range s.calls.on(day, now.UnixMilli()) {
				inside := r.start >= ceilMilli(from) && r.start < ceilMilli(to)
				if inside && s.shows(r, now.UnixMilli()) && !yield(r.encode("Detailed")) {
					return
				}
			}
		}
	}
}

// Version is what a call record was from one instant on.
type Version struct {
	ID string
	// At is from when on it was served; unless two versions have the same one, that is its lastModifiedTime. The calls
	// of a population that is not alive are served some seconds after theirs, recorded ones always.
	At, Start time.Time
	// Deleted says that this is a tombstone.
	Deleted bool
	// JSON is the record as the Detailed view has it. Not to be changed.
	JSON []byte
}

// Histories yields the truth with its past: for every record of the company's log whose current version starts in
// from <= startTime < to, deleted or not, all versions until now, oldest first. Retention does not apply.
func (s *Simulator) Histories(from, to time.Time) iter.Seq[[]Version] {
	return func(yield func([]Version) bool) {
		now := s.options.Now()
		first, last := s.calls.span(now)
		for day := max(first, dayOf(from.UnixMilli())); day <= min(last, dayOf(to.UnixMilli())); day++ {
			for _, r := range s.calls.on(day, now.UnixMilli()) {
				inside := r.start >= ceilMilli(from) && r.start < ceilMilli(to)
				if inside && r.visible <= now.UnixMilli() && !yield(r.history(now.UnixMilli())) {
					return
				}
			}
		}
	}
}

func (r *record) history(now int64) []Version {
	var all []Version
	for _, v := range r.versions() {
		if v.visible <= now {
			all = append(all, Version{v.ID, time.UnixMilli(v.modified).UTC(), time.UnixMilli(v.start).UTC(),
				v.Deleted, v.encode("Detailed")})
		}
	}
	return all
}

// MessageVersion is what a message was from one instant on.
type MessageVersion struct {
	// ID is unique in the account; ExtensionID is whose store the message is in. Both are decimal digits.
	ID, ExtensionID string
	// At is from when on it was served, and its lastModifiedTime. Created is its creationTime, whole seconds.
	At, Created time.Time
	// Availability is Alive, Deleted or Purged; lists show the first alone, unless they are asked for others.
	Availability string
	// JSON is the message as lists have it, without a wrapper; of a purged one only the id and the availability are
	// left.
	JSON []byte
}

// Messages yields the truth: every message of the account with from <= creationTime < to that can be seen now, whatever
// its availability is, oldest first. Those of extensions that were deleted are not among them. A pager message comes
// once for its sender and once for each recipient, under ids of their own; all others come once.
func (s *Simulator) Messages(from, to time.Time) iter.Seq[MessageVersion] {
	return func(yield func(MessageVersion) bool) {
		now := s.options.Now().UnixMilli()
		for m := range s.stored(from, to) {
			if v := m.current(now); v != nil && !m.owner.gone(now) && !yield(v.version()) {
				return
			}
		}
	}
}

// MessageHistories yields the truth with its past: for every message with from <= creationTime < to all versions until
// now, oldest first, also of extensions that were deleted.
func (s *Simulator) MessageHistories(from, to time.Time) iter.Seq[[]MessageVersion] {
	return func(yield func([]MessageVersion) bool) {
		now := s.options.Now().UnixMilli()
		for m := range s.stored(from, to) {
			var all []MessageVersion
			for _, v := range *m.versions {
				if v.visible <= now {
					all = append(all, v.version())
				}
			}
			if len(all) > 0 && !yield(all) {
				return
			}
		}
	}
}

// stored iterates the messages that were created in a window, visible or not, oldest first.
func (s *Simulator) stored(from, to time.Time) iter.Seq[*stored] {
	return func(yield func(*stored) bool) {
		if s.mail == nil {
			return
		}
		first, last := s.mail.span(s.options.Now().UnixMilli())
		for day := max(first, dayOf(from.UnixMilli())); day <= min(last, dayOf(to.UnixMilli())); day++ {
			for _, m := range s.mail.days.day(day).all {
				if m.created >= ceilMilli(from) && m.created < ceilMilli(to) && !yield(m) {
					return
				}
			}
		}
	}
}

// Extension is one of the company, also one that was deleted.
type Extension struct {
	// ID is decimal digits, Number the short number, Type and Status are as the list of extensions has them.
	ID, Number, Name, Type, Status string
	// PhoneNumber is the direct number of a user; others have none.
	PhoneNumber string
	// Members are the ids of those who belonged to a queue from the founding on.
	Members []string
	// Removed is when it was deleted or will be; zero means never. From then on it is in no list, its call log and its
	// messages are not found, and from the beginning of that day on it takes part in no new call.
	Removed time.Time
}

// Extensions yields the truth: all extensions that the company ever had, in order of creation.
func (s *Simulator) Extensions() iter.Seq[Extension] {
	return func(yield func(Extension) bool) {
		for _, x := range s.company.extensions {
			e := Extension{ID: x.idText(), Number: x.number, Name: x.name, Type: x.kind, Status: x.status, PhoneNumber: x.phone}
			for _, member := range x.members {
				e.Members = append(e.Members, member.idText())
			}
			if x.leaves() {
				e.Removed = time.UnixMilli(x.left).UTC()
			}
			if !yield(e) {
				return
			}
		}
	}
}

// UserID returns the id of the extension that clients act as, decimal digits.
func (s *Simulator) UserID() string { return s.user.idText() }
