package sinks

import (
	"context"
	"maps"
	"path"
)

// MartPartition is what the lake knows of one published partition of a mart.
type MartPartition struct {
	Inputs string `json:"inputs"` // what it was built from, as its builder names it: equal inputs give equal rows
	Rows   int64  `json:"rows"`
	Bytes  int64  `json:"bytes"`            // of the object, 0 without one
	SHA256 string `json:"sha256,omitempty"` // of the object
}

// MartState is what the lake knows of one mart: its partitions by the path below the mart, such as
// `account_id=1/local_date=2026-11-21`.
type MartState map[string]MartPartition

type martFile struct {
	Mart       string    `json:"mart"`
	Partitions MartState `json:"partitions"`
}

func martKey(mart string) string { return path.Join("_trunkline/marts", mart+".json") }

// MartState reads the state of a mart, empty where it was never published.
func (l *Lake) MartState(ctx context.Context, mart string) (MartState, error) {
	f := martFile{Partitions: MartState{}}
	_, err := l.readJSON(ctx, martKey(mart), &f)
	return f.Partitions, err
}

// WriteMartState notes what partitions of a mart were published, and which are no more, after they were; those that others noted meanwhile
// stay as they are.
func (l *Lake) WriteMartState(ctx context.Context, mart string, published MartState, gone []string) error {
	_, err := update(ctx, l, martKey(mart), func(f *martFile) error {
		if f.Mart = mart; f.Partitions == nil {
			f.Partitions = MartState{}
		}
		maps.Copy(f.Partitions, published)
		for _, name := range gone {
			delete(f.Partitions, name)
		}
		return nil
	})
	return err
}

// MartPath names a partition of a mart below the mart.
func MartPath(account, localDate string) string {
	return path.Join("account_id="+account, "local_date="+localDate)
}

// MartObject is the key of a mart's partition.
func MartObject(mart, partition string) string {
	return path.Join("marts", mart, partition, mart+".parquet")
}

// DropMart removes the object of a mart partition that has no rows, or that no day of the lake stands for any more. An object that
// is not there is no error.
func (l *Lake) DropMart(ctx context.Context, mart, partition string) error {
	return l.remove(ctx, MartObject(mart, partition))
}

// PublishMart uploads one partition of a mart from a local file, unless the lake holds the same bytes. ErrConflict says that somebody
// else published it meanwhile.
func (l *Lake) PublishMart(ctx context.Context, mart, partition, file string) (p MartPartition, changed bool, err error) {
	if p.Bytes, p.SHA256, err = fileSum(file); err != nil {
		return p, false, err
	}
	key := MartObject(mart, partition)
	held, at, found, err := l.readVersioned(ctx, key)
	if err != nil || found && sumBytes(held) == p.SHA256 {
		return p, false, err
	}
	_, err = l.replaceFileIf(ctx, key, at, file, parquetType)
	return p, err == nil, err
}
