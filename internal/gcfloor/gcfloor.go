// Package gcfloor keeps the garbage collector of a program with a small heap from running all the time. Go collects when the
// heap has doubled, but not before 4 MB; a worker that holds 2 MB and handles tens of thousands of small messages a second
// spends a fifth of its time that way. With a floor the next collection waits until the heap is that large; above
// it Go's own rule holds, so a program with a large heap takes no more memory than before.
package gcfloor

import (
	"os"
	"runtime"
	"runtime/debug"
	"runtime/metrics"
)

// Set makes floor bytes the least heap at which a collection begins, for the rest of the process's life. A GOGC in the
// environment wins: then nothing is done. It is meant for main functions; call it once.
func Set(floor uint64) {
	if os.Getenv("GOGC") != "" {
		return
	}
	t := &tuner{floor: floor, percent: 100}
	t.tune()
	t.arm()
}

type tuner struct {
	floor   uint64
	percent int
}

// arm lets tune run after the next collection: by the finalizer of an object that nothing refers to.
func (t *tuner) arm() {
	type sentinel struct{ _ [16]byte }
	runtime.SetFinalizer(&sentinel{}, func(*sentinel) {
		t.tune()
		t.arm()
	})
}

// tune chooses the percentage by which the heap may grow until the next collection.
func (t *tuner) tune() {
	live := []metrics.Sample{{Name: "/gc/heap/live:bytes"}}
	metrics.Read(live)
	want := Percent(live[0].Value.Uint64(), t.floor)
	if 10*want < 9*t.percent || 10*want > 11*t.percent { // a change stops the world for a moment
		t.percent = want
		debug.SetGCPercent(want)
	}
}

// goMinimum is the least heap of Go's collector at 100 %; it grows with the percentage.
const goMinimum = 4 << 20

// Percent is the growth in percent that lets a heap of live bytes reach the floor and not more: at least 100, as by default.
func Percent(live, floor uint64) int {
	live = max(live, 1<<16)
	if floor <= max(goMinimum, 2*live) {
		return 100
	}
	return int(min(floor*100/goMinimum, (floor-live)*100/live))
}
