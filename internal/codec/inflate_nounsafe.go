//go:build !(amd64 || arm64) || safe

package codec

// haveUnsafe: see inflate_unsafe.go.
const haveUnsafe = false

func (f *Inflater) fastUnsafe(dst []byte, out int) (int, status) { return f.fastSafe(dst, out) }
