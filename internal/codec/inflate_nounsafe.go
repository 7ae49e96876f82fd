//go:build !(amd64 || arm64) || safe

package codec

// haveUnsafe tells whether the unsafe fast loop is built in: on little-endian machines that load and store words at any
// address, unless the build tag "safe" is given.
const haveUnsafe = false

func (f *Inflater) fastUnsafe(dst []byte, out int) (int, status) { return f.fastSafe(dst, out) }
