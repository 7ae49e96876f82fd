package index

import (
	"io"
	"iter"
	"runtime"
	"sync"
	"sync/atomic"
)

// Result says what Create found.
type Result struct {
	Names   int     // listed
	Rows    int     // written
	Skipped []error // names with impossible dates, at most maxSkipped of them
}

const (
	maxSkipped = 1000
	batchNames = 1024 // that one goroutine reads at a time
)

// batch is some names, and the rows that they make.
type batch struct {
	names   []string
	rows    rows
	skipped []error
	ready   chan struct{}
}

// Create writes the index of all names to w, in their order. Names are read on all cores:
//
//	names -> batches -> read by several goroutines -> put in order again -> Writer
func Create(w io.Writer, names iter.Seq2[string, error], o WriterOptions) (Result, error) {
	workers := runtime.GOMAXPROCS(0)
	c := &creator{out: NewWriter(w, o), work: make(chan *batch, workers), order: make(chan *batch, 2*workers)}
	var wg, last sync.WaitGroup
	for range workers {
		wg.Go(func() {
			var matches []Entry
			for b := range c.work {
				matches = b.read(matches)
				close(b.ready)
			}
		})
	}
	last.Go(c.collect)
	err := c.distribute(names)
	close(c.work)
	close(c.order)
	wg.Wait()
	last.Wait()
	if err != nil {
		return c.res, err
	}
	err = c.out.Close()
	c.res.Rows = c.out.Rows()
	return c.res, err
}

type creator struct {
	out    *Writer
	work   chan *batch
	order  chan *batch
	free   sync.Pool
	failed atomic.Bool // the Writer
	res    Result
}

// distribute makes batches of the names.
func (c *creator) distribute(names iter.Seq2[string, error]) error {
	count := 0
	defer func() { c.res.Names = count }()
	b := c.batch()
	for name, err := range names {
		if err != nil {
			return err
		}
		count++
		if b.names = append(b.names, name); len(b.names) < batchNames {
			continue
		}
		if c.failed.Load() {
			return nil // Close reports it
		}
		c.order <- b
		c.work <- b
		b = c.batch()
	}
	c.order <- b
	c.work <- b
	return nil
}

func (c *creator) batch() *batch {
	b, ok := c.free.Get().(*batch)
	if !ok {
		b = &batch{names: make([]string, 0, batchNames)}
	}
	clear(b.names)
	b.names, b.skipped, b.ready = b.names[:0], nil, make(chan struct{})
	b.rows.reset()
	return b
}

// read finds the names' rows.
func (b *batch) read(matches []Entry) []Entry {
	for _, name := range b.names {
		var err error
		if matches, err = AppendMatches(matches[:0], name); err != nil {
			b.skipped = append(b.skipped, err)
		}
		for i := range matches {
			b.rows.add(&matches[i])
		}
	}
	return matches
}

// collect writes the batches in the order of their names.
func (c *creator) collect() {
	for b := range c.order {
		<-b.ready
		if n := min(len(b.skipped), maxSkipped-len(c.res.Skipped)); n > 0 {
			c.res.Skipped = append(c.res.Skipped, b.skipped[:n]...)
		}
		if c.out.append(&b.rows) != nil {
			c.failed.Store(true)
		}
		c.free.Put(b)
	}
}
