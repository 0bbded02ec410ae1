package sinks

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"hash"
	"io"

	"github.com/apache/arrow-go/v18/arrow"
	"github.com/apache/arrow-go/v18/arrow/array"
)

// contentHash identifies the rows of a gathered batch and their order: equal rows give equal hashes, whatever file they
// came from. Columns without any value do not count, so that a column added later changes no hash.
func contentHash(batch arrow.RecordBatch) string {
	h := sha256.New()
	io.WriteString(h, "trunkline rows 1\n")
	writeNumber(h, int(batch.NumRows()))
	for i, c := range batch.Columns() {
		hashColumn(h, batch.ColumnName(i), c)
	}
	return hex.EncodeToString(h.Sum(nil))
}

func writeNumber(h hash.Hash, n int) {
	var b [8]byte
	binary.LittleEndian.PutUint64(b[:], uint64(n))
	h.Write(b[:])
}

func hashColumn(h hash.Hash, name string, c arrow.Array) {
	if c.NullN() == c.Len() {
		return
	}
	writeNumber(h, len(name))
	io.WriteString(h, name)
	writeNumber(h, c.NullN())
	for _, b := range c.Data().Buffers() {
		if b != nil {
			writeNumber(h, b.Len())
			h.Write(b.Bytes())
		}
	}
	switch c := c.(type) {
	case *array.List:
		hashColumn(h, name+"[]", c.ListValues())
	case *array.Struct:
		for i, f := range c.DataType().(*arrow.StructType).Fields() {
			hashColumn(h, name+"."+f.Name, c.Field(i))
		}
	}
}
