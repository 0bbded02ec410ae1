package schema

import (
	"flag"
	"fmt"
	"os"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "rewrite generated documents")

// TestColumnsDocument: docs/columns.md is what the table of fields says.
func TestColumnsDocument(t *testing.T) {
	const name = "../docs/columns.md"
	want := columnsDocument()
	if *update {
		if err := os.WriteFile(name, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("run `just golden`: %s", diff)
	}
}

func columnsDocument() string {
	var b strings.Builder
	b.WriteString("# Columns\n\nGenerated from the tables of fields in `schema/`; a test keeps it true. All columns but `id` and the one that decides the\n" +
		"day can be null, which means that RingCentral sent nothing, or something that is kept in `extra`. The partition's columns,\n" +
		"`account_id` and `start_date`, are in the path and not in the file.\n\n" +
		"The class is what rules of privacy (`--privacy CLASS=ACTION`) go by. Under any rule but `keep`, columns of the classes `uris`,\n" +
		"`audio`, `unclassified` and `extra` are dropped unless a rule names them.\n")
	writeTable(&b, CallLog())
	writeColumns(&b, "call_log.legs", "One element a leg, in the order received.", legFields)
	writeTable(&b, ExtensionCallLog())
	writeTable(&b, Recordings())
	writeTable(&b, Messages())
	writeColumns(&b, "messages.to", "One element a recipient.", recipientFields)
	writeColumns(&b, "messages.attachments", "One element an attachment.", attachmentFields)
	writeTable(&b, CompanyExtensions())
	writeTable(&b, CallQueues())
	writeColumns(&b, "call_queues.members", "One element a member of the queue.", queueMemberFields)
	writeTable(&b, CompanyPhoneNumbers())
	writeTable(&b, Account())
	return b.String()
}

func writeTable(b *strings.Builder, t *Table) { writeColumns(b, t.Name, t.Comment, t.Fields) }

func writeColumns(b *strings.Builder, title, grain string, fields []Field) {
	fmt.Fprintf(b, "\n## %s\n\n%s\n\n| column | type | class | unit | source | notes |\n|---|---|---|---|---|---|\n", title, grain)
	for _, f := range fields {
		fmt.Fprintf(b, "| `%s` | %s | %s | %s | `%s` | %s |\n", f.Column(), f.SQLType(), f.Class, f.Unit, f.Path, f.Note)
	}
	fmt.Fprintf(b, "| `%s` | VARCHAR | extra | | | JSON object of the members that no other column could give back, each under its own path |\n", Extra)
}

// TestColumnNames: the rule, on every form of name that occurs.
func TestColumnNames(t *testing.T) {
	for path, want := range map[string]string{
		"id": "id", "from.phoneNumber": "from_phone_number", "durationMs": "duration_ms", "extension.id": "extension_id",
		"recording.contentUri": "recording_content_uri", "transferTarget.telephonySessionId": "transfer_target_telephony_session_id",
	} {
		if got := (Field{Path: path}).Column(); got != want {
			t.Errorf("%s: %s, want %s", path, got, want)
		}
	}
	for _, table := range Tables() {
		seen := map[string]string{}
		for _, f := range table.Fields {
			if other, ok := seen[f.Column()]; ok {
				t.Errorf("%s: %s and %s are both %s", table.Name, other, f.Path, f.Column())
			}
			seen[f.Column()] = f.Path
		}
	}
}
