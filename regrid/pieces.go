package regrid

import (
	"context"
	"slices"
	"sync"
	"time"

	"healpipe/netcdf"
)

// A large chunk is read in pieces that are inflated while further ones are read, so that its stored bytes are never in
// memory as a whole: 56 MB of a chunk of 37 levels.
const (
	pieceBytes = 4 << 20 // unless a test says otherwise
	pieceCount = 3       // one is inflated, one read, one ready
	pieceRoom  = 128     // before a piece, for what is left of the one before it
)

// piece is a buffer with bytes behind its first pieceRoom ones.
type piece struct {
	buf []byte
	err error
}

// inPieces says whether a chunk is to be read piece by piece.
func (s *stream) inPieces(ch *netcdf.Chunks, c netcdf.Chunk) bool {
	return c.Size > int64(pieceCount*s.piece) && ch.Piecewise(c)
}

// loadPieces is loadChunk for a large chunk. Waiting for a piece takes no place of the Budget.
func (s *stream) loadPieces(ctx context.Context, l *layout, c *loaded, chunk netcdf.Chunk) error {
	ctx, cancel := context.WithCancel(ctx)
	var reader sync.WaitGroup
	defer reader.Wait()
	defer cancel()
	for len(c.pieces) < pieceCount {
		c.pieces = append(c.pieces, make([]byte, pieceRoom+s.piece))
	}
	free, full := make(chan []byte, pieceCount), make(chan piece, pieceCount+1) // an error too: no send waits
	for _, b := range c.pieces {
		free <- b
	}
	reader.Go(func() { s.readPieces(ctx, l.ch, chunk, free, full) })
	return s.budget.do(ctx, func() error {
		var waited time.Duration
		defer func(start time.Time) { s.times.decode.Add(int64(time.Since(start) - waited)) }(time.Now())
		var last []byte
		return c.d.DecodePieces(l.ch, chunk, func(tail []byte) ([]byte, error) {
			var p piece
			more := false
			select {
			case p, more = <-full:
			default:
				start := time.Now()
				s.budget.wait(func() { p, more = <-full })
				waited += time.Since(start)
			}
			if !more || p.err != nil {
				return tail, p.err
			}
			buf := p.buf
			if from := pieceRoom - len(tail); from >= 0 {
				copy(buf[from:], tail)
				buf = buf[from:]
			} else {
				buf = slices.Concat(tail, buf[pieceRoom:])
			}
			if last != nil {
				free <- last
			}
			last = p.buf[:cap(p.buf)]
			return buf, nil
		})
	})
}

// readPieces fills free buffers with the chunk's bytes; full is closed behind the last one.
func (s *stream) readPieces(ctx context.Context, ch *netcdf.Chunks, chunk netcdf.Chunk, free <-chan []byte, full chan<- piece) {
	defer close(full)
	for off := int64(0); off < chunk.Size; {
		var buf []byte
		select {
		case buf = <-free:
		case <-ctx.Done():
			full <- piece{err: context.Cause(ctx)}
			return
		}
		buf = buf[:pieceRoom+min(int64(s.piece), chunk.Size-off)]
		start := time.Now()
		err := ch.ReadPiece(ctx, chunk, off, buf[pieceRoom:])
		since(start, &s.times.read)
		full <- piece{buf, err}
		if err != nil {
			return
		}
		off += int64(len(buf) - pieceRoom)
	}
}
