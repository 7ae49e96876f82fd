package storage

import (
	"slices"
	"sync"
)

const (
	// cacheBlock is what a small read asks for in its place: the headers, B-trees and heaps of a file are
	// many small pieces close to each other, and a request costs as much as some hundred kilobytes.
	cacheBlock  = 256 << 10
	smallRead   = 64 << 10
	cacheBlocks = 16
)

// blockCache keeps the last blocks of one version of one object. The zero value is ready.
type blockCache struct {
	mu     sync.Mutex
	blocks map[int64]*cachedBlock // by number
	recent []int64                // the numbers, the last used last
}

type cachedBlock struct {
	once sync.Once
	data []byte
	err  error
}

// read copies the object's bytes from off on into p, which must lie within the object; fetch reads a block.
func (c *blockCache) read(p []byte, off, size int64, fetch func(off, n int64) ([]byte, error)) (int, error) {
	done := 0
	for done < len(p) {
		number := (off + int64(done)) / cacheBlock
		start := number * cacheBlock
		b := c.block(number)
		b.once.Do(func() { b.data, b.err = fetch(start, min(cacheBlock, size-start)) })
		if b.err != nil {
			c.forget(number, b)
			return done, b.err
		}
		done += copy(p[done:], b.data[off+int64(done)-start:])
	}
	return done, nil
}

// block returns a block, empty if it is new, and drops the one that was not used for longest.
func (c *blockCache) block(number int64) *cachedBlock {
	c.mu.Lock()
	defer c.mu.Unlock()
	b := c.blocks[number]
	if b == nil {
		if c.blocks == nil {
			c.blocks = map[int64]*cachedBlock{}
		}
		if len(c.recent) == cacheBlocks {
			delete(c.blocks, c.recent[0])
			c.recent = slices.Delete(c.recent, 0, 1)
		}
		b = &cachedBlock{}
		c.blocks[number] = b
	} else {
		c.recent = slices.DeleteFunc(c.recent, func(n int64) bool { return n == number })
	}
	c.recent = append(c.recent, number)
	return b
}

// forget drops a block that could not be read, so that the next read tries again.
func (c *blockCache) forget(number int64, b *cachedBlock) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.blocks[number] == b {
		delete(c.blocks, number)
		c.recent = slices.DeleteFunc(c.recent, func(n int64) bool { return n == number })
	}
}
