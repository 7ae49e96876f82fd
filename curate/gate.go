package curate

import (
	"context"

	"healpipe/zarr"
)

// gate is a store that changes nothing before a check of it has succeeded. What leads up to a change, such as the
// encoding of a chunk, goes on meanwhile.
type gate struct {
	zarr.Store
	checked chan struct{}
	err     error
}

func newGate(s zarr.Store) *gate { return &gate{Store: s, checked: make(chan struct{})} }

// open ends the check, once.
func (g *gate) open(err error) {
	g.err = err
	close(g.checked)
}

// wait returns the result of the check.
func (g *gate) wait() error {
	<-g.checked
	return g.err
}

func (g *gate) Put(ctx context.Context, key string, data []byte) error {
	if err := g.wait(); err != nil {
		return err
	}
	return g.Store.Put(ctx, key, data)
}

func (g *gate) Delete(ctx context.Context, key string) error {
	if err := g.wait(); err != nil {
		return err
	}
	return g.Store.Delete(ctx, key)
}

func (g *gate) Update(ctx context.Context, key string, edit zarr.Edit) error {
	if err := g.wait(); err != nil {
		return err
	}
	return g.Store.Update(ctx, key, edit)
}

// Create begins to write when there is something to write, which is later than its call.
func (g *gate) Create(ctx context.Context, key string) (zarr.Writer, error) {
	return &gatedWriter{ctx: ctx, gate: g, key: key}, nil
}

type gatedWriter struct {
	ctx  context.Context
	gate *gate
	key  string
	w    zarr.Writer // nil: nothing written yet
}

func (w *gatedWriter) begin() error {
	if w.w != nil {
		return nil
	}
	err := w.gate.wait()
	if err == nil {
		w.w, err = w.gate.Store.Create(w.ctx, w.key)
	}
	return err
}

func (w *gatedWriter) Write(p []byte) (int, error) {
	if err := w.begin(); err != nil {
		return 0, err
	}
	return w.w.Write(p)
}

func (w *gatedWriter) Commit() error {
	if err := w.begin(); err != nil {
		return err
	}
	return w.w.Commit()
}

func (w *gatedWriter) Abort() error {
	if w.w == nil {
		return nil
	}
	return w.w.Abort()
}
