package netcdf

import (
	"context"
	"fmt"

	"healpipe/internal/codec"
)

// pieceStore is a chunkStore whose chunks may be decoded while they are read.
type pieceStore interface {
	chunkStore
	piecewise(c Chunk, size int) bool
	decodePieces(d *Decoder, c Chunk, next codec.Next, size int) (data []byte, shuffled bool, err error)
}

// Piecewise says whether Decoder.DecodePieces serves a chunk: one of a chunked layout whose last filter is deflate.
func (ch *Chunks) Piecewise(c Chunk) bool {
	s, ok := ch.store.(pieceStore)
	return ok && c.Stored && s.piecewise(c, ch.size)
}

// ReadPiece reads len(buf) of the stored bytes of a Piecewise chunk, from off on.
func (ch *Chunks) ReadPiece(ctx context.Context, c Chunk, off int64, buf []byte) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if off < 0 || off > c.Size || int64(len(buf)) > c.Size-off {
		return ch.v.wrap(fmt.Errorf("%d bytes from %d of a chunk of %d: %w", len(buf), off, c.Size, ErrSelection))
	}
	c.Pos += off
	return ch.v.wrap(ch.store.read(ctx, c, buf))
}

// DecodePieces is Decode for a Piecewise chunk whose stored bytes come piece by piece, so that they need not be in
// memory as a whole, and reading goes on meanwhile. next returns a buffer that begins with tail, the few bytes of the last
// one that are not used yet, and has further ones behind them; with no more than tail it ends the chunk. The
// buffer is used until the next call.
func (d *Decoder) DecodePieces(ch *Chunks, c Chunk, next func(tail []byte) ([]byte, error)) error {
	d.ch, d.chunk, d.data, d.shuffled = nil, c, nil, false
	if !ch.Piecewise(c) {
		return ch.v.wrap(fmt.Errorf("chunk at %v cannot be decoded piece by piece: %w", c.Start, ErrUnsupported))
	}
	d.ch = ch
	var err error
	if d.data, d.shuffled, err = ch.store.(pieceStore).decodePieces(d, c, next, ch.size); err != nil {
		d.ch = nil
		return ch.v.wrap(fmt.Errorf("chunk at %v: %w", c.Start, err))
	}
	return nil
}
