// Command inflate compares internal/codec's inflate with klauspost/compress, compress/zlib and libdeflate on
// the zlib chunks of two files in the archive's layout, and prints MB/s of output and ratios: medians of
// runs on one core, interleaved chunk by chunk, in CPU time.
//
//	go run ./bench/inflate            safe form: go run -tags safe ./bench/inflate
//
// It needs the tests' Python environment (make env), a C compiler and libdeflate-dev. The files are made
// once, in the user's cache folder.
package main

import (
	"bytes"
	stdzlib "compress/zlib"
	"encoding/binary"
	"flag"
	"fmt"
	"io"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/klauspost/compress/zlib"
	"golang.org/x/sys/unix"

	"healpipe/internal/codec"
)

func main() {
	rounds := flag.Int("rounds", 9, "runs of each decoder on each file")
	limit := flag.Int("mb", 160, "MB of output of a run")
	only := flag.String("floor", "", "just print libdeflate's CPU seconds for all chunks of this file, 2t or u")
	flag.Parse()
	runtime.LockOSThread()
	if *only != "" {
		if err := floor(*only); err != nil {
			fmt.Fprintln(os.Stderr, "inflate:", err)
			os.Exit(1)
		}
		return
	}
	if err := run(*rounds, *limit<<20); err != nil {
		fmt.Fprintln(os.Stderr, "inflate:", err)
		os.Exit(1)
	}
}

// decoder decodes a whole chunk into dst.
type decoder struct {
	name   string
	decode func(dst, src []byte) error
}

func decoders() []decoder {
	var ours codec.Inflater
	var kp, std io.ReadCloser
	return []decoder{
		{"healpipe", func(dst, src []byte) error {
			n, err := ours.Zlib(dst, src)
			if err == nil && n != len(dst) {
				err = io.ErrUnexpectedEOF
			}
			return err
		}},
		{"klauspost", func(dst, src []byte) (err error) {
			if kp == nil {
				kp, err = zlib.NewReader(bytes.NewReader(src))
			} else {
				err = kp.(zlib.Resetter).Reset(bytes.NewReader(src), nil)
			}
			return readAll(kp, dst, err)
		}},
		{"compress/zlib", func(dst, src []byte) (err error) {
			if std == nil {
				std, err = stdzlib.NewReader(bytes.NewReader(src))
			} else {
				err = std.(stdzlib.Resetter).Reset(bytes.NewReader(src), nil)
			}
			return readAll(std, dst, err)
		}},
	}
}

// readAll fills dst and reads on to the end of the stream, where the checksum is compared.
func readAll(r io.Reader, dst []byte, err error) error {
	if err != nil {
		return err
	}
	if _, err := io.ReadFull(r, dst); err != nil {
		return err
	}
	if n, err := r.Read(make([]byte, 1)); n != 0 || err != io.EOF {
		return fmt.Errorf("%d bytes after the chunk, %v", n, err)
	}
	return nil
}

// files are those whose chunks are decoded.
var files = []struct{ name, kind, hours string }{{"2t", "sfc", "96"}, {"u", "pl", "3"}}

// prepare returns the folder for what is kept and the program around libdeflate.
func prepare() (dir, peer string, err error) {
	cache, err := os.UserCacheDir()
	if err != nil {
		return "", "", err
	}
	dir = filepath.Join(cache, "healpipe-bench")
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", "", err
	}
	peer, err = buildPeer(dir)
	return dir, peer, err
}

// floor prints what libdeflate alone takes for one file, the least of three runs.
func floor(name string) error {
	i := slices.IndexFunc(files, func(f struct{ name, kind, hours string }) bool { return f.name == name })
	if i < 0 {
		return fmt.Errorf("no file %q", name)
	}
	dir, exe, err := prepare()
	if err != nil {
		return err
	}
	path, err := chunkFile(dir, name, files[i].kind, files[i].hours)
	if err != nil {
		return err
	}
	chunks, _, err := load(path, math.MaxInt)
	if err != nil {
		return err
	}
	c, err := startPeer(exe, path)
	if err != nil {
		return err
	}
	defer c.stop()
	least := math.Inf(1)
	for range 3 {
		sum := 0.0
		for k := range chunks {
			s, err := c.decode(k)
			if err != nil {
				return err
			}
			sum += s
		}
		least = min(least, sum)
	}
	fmt.Printf("%.3f\n", least)
	return nil
}

func run(rounds, limit int) error {
	dir, peer, err := prepare()
	if err != nil {
		return err
	}
	fmt.Printf("%s, %s/%s, MB/s of output a CPU second, median (min-max) of %d interleaved runs\n", runtime.Version(), runtime.GOOS, runtime.GOARCH, rounds)
	for _, file := range files {
		path, err := chunkFile(dir, file.name, file.kind, file.hours)
		if err != nil {
			return err
		}
		if err := compare(path, file.name, peer, rounds, limit); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
	return nil
}

// compare prints one file's table.
func compare(path, name, peer string, rounds, limit int) error {
	chunks, total, err := load(path, limit)
	if err != nil {
		return err
	}
	c, err := startPeer(peer, path)
	if err != nil {
		return err
	}
	defer c.stop()
	all := decoders()
	speeds := make([][]float64, len(all)+1)
	dst := make([]byte, 0, slices.MaxFunc(chunks, func(a, b chunk) int { return a.size - b.size }).size)
	for range rounds {
		// Chunk by chunk in turn, so that what else the machine does hits all decoders alike.
		seconds := make([]float64, len(all)+1)
		for k, chunk := range chunks {
			for i, d := range all {
				start, err := cpuTime()
				if err != nil {
					return err
				}
				if err := d.decode(dst[:chunk.size], chunk.packed); err != nil {
					return fmt.Errorf("%s: %w", d.name, err)
				}
				end, err := cpuTime()
				if err != nil {
					return err
				}
				seconds[i] += end - start
			}
			s, err := c.decode(k)
			if err != nil {
				return err
			}
			seconds[len(all)] += s
		}
		for i, s := range seconds {
			speeds[i] = append(speeds[i], float64(total)/1e6/s)
		}
	}
	median := func(s []float64) float64 {
		s = slices.Sorted(slices.Values(s))
		return s[len(s)/2]
	}
	ratio := func(i, j int) float64 {
		r := make([]float64, rounds)
		for k := range r {
			r[k] = speeds[i][k] / speeds[j][k]
		}
		return median(r)
	}
	for i := range speeds {
		label := "libdeflate"
		if i < len(all) {
			label = all[i].name
		}
		fmt.Printf("%-3s %-14s %6.0f (%.0f-%.0f)  %.2f of libdeflate  %.2f of klauspost\n", name, label, median(speeds[i]), slices.Min(speeds[i]), slices.Max(speeds[i]),
			ratio(i, len(all)), ratio(i, 1))
	}
	return nil
}

// cpuTime returns the CPU seconds of this thread, which other processes do not add to.
func cpuTime() (float64, error) {
	var t unix.Timespec
	err := unix.ClockGettime(unix.CLOCK_THREAD_CPUTIME_ID, &t)
	return float64(t.Sec) + 1e-9*float64(t.Nsec), err
}

type chunk struct {
	packed []byte
	size   int
}

// load reads chunks until their output reaches limit bytes.
func load(path string, limit int) (out []chunk, total int, err error) {
	b, err := os.ReadFile(path)
	if err != nil {
		return nil, 0, err
	}
	for len(b) >= 16 && (len(out) == 0 || total < limit) {
		n, size := binary.LittleEndian.Uint64(b), int(binary.LittleEndian.Uint64(b[8:]))
		out = append(out, chunk{b[16 : 16+n], size})
		total += size
		b = b[16+n:]
	}
	return out, total, nil
}

const pyChunks = `
import sys, struct, h5py
f = h5py.File(sys.argv[1]); d = max(f.values(), key=lambda v: v.size)
n = d.dtype.itemsize
for c in d.chunks: n *= c
with open(sys.argv[2], "wb") as out:
    for i in range(d.id.get_num_chunks()):
        raw = d.id.read_direct_chunk(d.id.get_chunk_info(i).chunk_offset)[1]
        out.write(struct.pack("<QQ", len(raw), n)); out.write(raw)
`

// chunkFile returns a file with the raw chunks of a generated file's variable, each behind two 64 bit lengths,
// packed and unpacked; it makes it when it is not there.
func chunkFile(dir, name, kind, hours string) (string, error) {
	path := filepath.Join(dir, name+"_"+hours+"h.chunks")
	if _, err := os.Stat(path); err == nil {
		return path, nil
	}
	_, here, _, _ := runtime.Caller(0)
	root := filepath.Join(filepath.Dir(here), "..", "..")
	python := filepath.Join(root, ".venv", "bin", "python")
	nc := path + ".nc"
	defer os.Remove(nc)
	for _, args := range [][]string{
		{filepath.Join(root, "tests", "tools", "make_era5.py"), kind, name, nc, "--hours", hours},
		{"-c", pyChunks, nc, path + ".part"},
	} {
		if out, err := exec.Command(python, args...).CombinedOutput(); err != nil {
			return "", fmt.Errorf("making %s (run `make env`): %w\n%s", path, err, out)
		}
	}
	return path, os.Rename(path+".part", path)
}

// buildPeer compiles the C program around libdeflate.
func buildPeer(dir string) (string, error) {
	_, here, _, _ := runtime.Caller(0)
	exe := filepath.Join(dir, "libdeflate_peer")
	out, err := exec.Command("cc", "-O2", "-o", exe, "-x", "c", filepath.Join(filepath.Dir(here), "libdeflate.c.txt"), "-ldeflate").CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("building the libdeflate peer (apt-get install gcc libdeflate-dev): %w\n%s", err, out)
	}
	return exe, nil
}

// peer is the C program: for each number on its input it decodes that chunk and prints the CPU seconds.
type peer struct {
	cmd *exec.Cmd
	in  io.WriteCloser
	out io.Reader
}

func startPeer(exe, path string) (*peer, error) {
	p := &peer{cmd: exec.Command(exe, path)}
	p.cmd.Stderr = os.Stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	if p.out, err = p.cmd.StdoutPipe(); err != nil {
		return nil, err
	}
	return p, p.cmd.Start()
}

func (p *peer) decode(chunk int) (seconds float64, err error) {
	if _, err := fmt.Fprintln(p.in, chunk); err != nil {
		return 0, err
	}
	var text strings.Builder
	for b := make([]byte, 1); b[0] != '\n'; {
		if _, err := io.ReadFull(p.out, b); err != nil {
			return 0, fmt.Errorf("libdeflate peer: %w", err)
		}
		text.Write(b)
	}
	_, err = fmt.Sscan(text.String(), &seconds)
	return seconds, err
}

func (p *peer) stop() {
	p.in.Close()
	_ = p.cmd.Wait()
}
