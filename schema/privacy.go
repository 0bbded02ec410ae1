package schema

// Class says whom the values of a column tell of, and so what rules of privacy go by.
type Class uint8

const (
	// Undecided is the class of no field of a table: a test asks for a decision.
	Undecided Class = iota
	// Plain values tell of the call and of nobody.
	Plain
	// PhoneNumbers are numbers in the public network.
	PhoneNumbers
	// Names are names of people, companies and extensions.
	Names
	// Locations are places of callers.
	Locations
	// Extensions are numbers and ids of extensions and of their devices.
	Extensions
	// MessageText is prose, which may quote anything.
	MessageText
	// URIs are addresses in the API, which hold ids of extensions.
	URIs
	// Audio is what people say, and what leads to it.
	Audio
	// ExtraClass is that of the column Extra, of which nobody knows what it holds.
	ExtraClass
	// Unclassified columns hold what RingCentral does not say.
	Unclassified
)

var classNames = [...]string{
	Undecided: "undecided", Plain: "plain", PhoneNumbers: "phone_numbers", Names: "names", Locations: "locations", Extensions: "extensions",
	MessageText: "message_text", URIs: "uris", Audio: "audio", ExtraClass: "extra", Unclassified: "unclassified",
}

// String is the class's name in rules and documents.
func (c Class) String() string { return classNames[c] }

// ruledClasses are the classes that a rule can name: all that tell of somebody.
func ruledClasses() []Class {
	return []Class{PhoneNumbers, Names, Locations, Extensions, MessageText, URIs, Audio, ExtraClass, Unclassified}
}

// isDroppedUnnamed reports whether columns of the class are dropped under any rule but keep, unless a rule names them.
func (c Class) isDroppedUnnamed() bool {
	return c == URIs || c == Audio || c == ExtraClass || c == Unclassified
}

// isText reports whether the class's values can be replaced by other text.
func (f Field) isText() bool { return f.Kind.takesString() }
