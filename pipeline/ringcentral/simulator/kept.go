package simulator

import (
	"slices"
	"sync"
)

// kept makes what belongs to a day on demand, once while it is kept, and keeps what was used last.
type kept[T any] struct {
	capacity int // days
	make     func(day int) T

	mu     sync.Mutex
	days   map[int]*made[T]
	recent []int // keys of days, least recently used first
}

type made[T any] struct {
	once sync.Once
	it   T
}

func newKept[T any](capacity int, make func(day int) T) *kept[T] {
	return &kept[T]{capacity: capacity, make: make, days: map[int]*made[T]{}}
}

// day returns what belongs to a day; those who ask for the same day while it is made wait for it.
func (k *kept[T]) day(day int) T {
	k.mu.Lock()
	d := k.days[day]
	if d == nil {
		d = &made[T]{}
		k.days[day] = d
	}
	k.recent = append(slices.DeleteFunc(k.recent, func(other int) bool { return other == day }), day)
	if len(k.recent) > k.capacity {
		delete(k.days, k.recent[0])
		k.recent = slices.Delete(k.recent, 0, 1)
	}
	k.mu.Unlock()
	d.once.Do(func() { d.it = k.make(day) })
	return d.it
}
