package sinks

import (
	"context"
	"fmt"
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

// WriteMartState replaces the state of a mart, after its partitions were published.
func (l *Lake) WriteMartState(ctx context.Context, mart string, s MartState) error {
	return l.writeJSON(ctx, martKey(mart), martFile{Mart: mart, Partitions: s})
}

// MartPath names a partition of a mart below the mart.
func MartPath(account, localDate string) string {
	return path.Join("account_id="+account, "local_date="+localDate)
}

// MartObject is the key of a mart's partition.
func MartObject(mart, partition string) string {
	return path.Join("marts", mart, partition, mart+".parquet")
}

// DropMart removes the object of a mart partition that no day of the lake stands for any more.
func (l *Lake) DropMart(ctx context.Context, mart, partition string) error {
	key := MartObject(mart, partition)
	if err := l.bucket.Delete(ctx, key); err != nil && !notFound(err) {
		return fmt.Errorf("remove %s: %w", key, err)
	}
	return nil
}

// PublishMart uploads one partition of a mart from a local file, unless the lake holds the same bytes by its state.
func (l *Lake) PublishMart(ctx context.Context, mart, partition, file string, known MartPartition) (p MartPartition, changed bool, err error) {
	if p.Bytes, p.SHA256, err = fileSum(file); err != nil {
		return p, false, err
	}
	key := MartObject(mart, partition)
	if p.SHA256 == known.SHA256 {
		attrs, err := l.bucket.Attributes(ctx, key)
		if err != nil && !notFound(err) {
			return p, false, fmt.Errorf("%s: %w", key, err)
		}
		if err == nil && attrs.Size == known.Bytes {
			return p, false, nil
		}
	}
	return p, true, l.putFile(ctx, key, file, "application/vnd.apache.parquet")
}
