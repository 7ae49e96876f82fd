//go:build unix

package storage

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"healpipe/internal/testenv"
)

// childEnv makes the test binary, run again, a writer of its own process.
const childEnv = "STORAGE_TEST_CHILD"

func TestMain(m *testing.M) {
	switch os.Getenv(childEnv) {
	case "count":
		childCount(os.Args[len(os.Args)-2], os.Args[len(os.Args)-1])
	case "hold":
		childHold(os.Args[len(os.Args)-1])
	default:
		os.Exit(m.Run())
	}
}

// childCount adds one to the number in a file, many times.
func childCount(dir, rounds string) {
	n, _ := strconv.Atoi(rounds)
	st := NewLocal(dir)
	for range n {
		err := Update(context.Background(), st, "c/n", func(old []byte, _ bool) ([]byte, bool, error) {
			v, _ := strconv.Atoi(string(old))
			return []byte(strconv.Itoa(v + 1)), false, nil
		})
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

// childHold writes half of a file under the key's lock, says so, and waits to be killed.
func childHold(dir string) {
	st := NewLocal(dir)
	_ = Edit(context.Background(), st, "c/n", func(_ Reader, w io.Writer) (Outcome, error) {
		_, _ = w.Write([]byte("half"))
		fmt.Println("holding")
		select {}
	})
}

func child(t *testing.T, kind string, args ...string) *exec.Cmd {
	t.Helper()
	cmd := exec.Command(os.Args[0], args...)
	cmd.Env = append(os.Environ(), childEnv+"="+kind)
	cmd.Stderr = os.Stderr
	return cmd
}

func hiddenFiles(t *testing.T, dir string) []string {
	t.Helper()
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, e := range entries {
		if hidden(e.Name()) {
			names = append(names, e.Name())
		}
	}
	return names
}

func TestLocalProcessesLoseNothing(t *testing.T) {
	t.Parallel()
	const processes, rounds = 8, 25
	dir := t.TempDir()
	var running []*exec.Cmd
	for range processes {
		cmd := child(t, "count", dir, strconv.Itoa(rounds))
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		running = append(running, cmd)
	}
	for _, cmd := range running {
		if err := cmd.Wait(); err != nil {
			t.Error(err)
		}
	}
	got, err := os.ReadFile(filepath.Join(dir, "c", "n"))
	if err != nil || string(got) != strconv.Itoa(processes*rounds) {
		t.Fatalf("%s, %v; want %d", got, err, processes*rounds)
	}
	if left := hiddenFiles(t, filepath.Join(dir, "c")); len(left) != 0 {
		t.Fatalf("left behind: %q", left)
	}
}

func TestLocalSurvivesKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := NewLocal(dir)
	if _, err := st.Put(t.Context(), "c/n", []byte("old"), Condition{}); err != nil {
		t.Fatal(err)
	}
	cmd := child(t, "hold", dir)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil {
		t.Fatal(line, err)
	}
	ctx, cancel := context.WithTimeout(t.Context(), 50*time.Millisecond)
	defer cancel()
	if _, err := st.Put(ctx, "c/n", []byte("new"), Condition{}); !errors.Is(err, context.DeadlineExceeded) {
		t.Fatalf("wrote although another process has the lock: %v", err)
	}
	if err := cmd.Process.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait()
	if left := hiddenFiles(t, filepath.Join(dir, "c")); len(left) != 2 { // its lock file and its temporary file
		t.Fatalf("%q", left)
	}
	if err := st.List(t.Context(), "", func(i Info) error {
		if i.Key != "c/n" {
			t.Errorf("listed %s", i.Key)
		}
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-2 * staleAge)
	for _, name := range hiddenFiles(t, filepath.Join(dir, "c")) {
		if err := os.Chtimes(filepath.Join(dir, "c", name), past, past); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := NewLocal(dir).Put(t.Context(), "c/n", []byte("new"), Condition{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "c", "n")); err != nil || string(got) != "new" {
		t.Fatalf("%s, %v", got, err)
	}
	if left := hiddenFiles(t, filepath.Join(dir, "c")); len(left) != 0 {
		t.Fatalf("left behind: %q", left)
	}
}

func TestLocalSweepSparesWhatIsInUse(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w, err := NewLocal(dir).Create(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer w.Abort()
	if _, err := w.Write([]byte("slow")); err != nil {
		t.Fatal(err)
	}
	past := time.Now().Add(-time.Hour)
	if err := os.Chtimes(w.(*localWriter).f.Name(), past, past); err != nil {
		t.Fatal(err)
	}
	if _, err := NewLocal(dir).Put(t.Context(), "g", nil, Condition{}); err != nil {
		t.Fatal(err)
	}
	if _, err := w.Commit(); err != nil {
		t.Fatal(err)
	}
}

func TestLocalErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	ctx := t.Context()
	if err := os.WriteFile(filepath.Join(dir, "file"), nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Mkdir(filepath.Join(dir, "folder"), 0o777); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink("nowhere", filepath.Join(dir, "link")); err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(".", filepath.Join(dir, "folder", "loop")); err != nil {
		t.Fatal(err)
	}
	st := NewLocal(dir)
	_, putBelowFile := st.Put(ctx, "file/x", nil, Condition{})
	_, putOverFolder := st.Put(ctx, "folder", []byte("x"), Condition{})
	_, getFolder := func() (Info, error) { _, i, err := st.Get(ctx, "folder"); return i, err }()
	listMissing := NewLocal(filepath.Join(dir, "none")).List(ctx, "", func(Info) error { return nil })
	listFile := NewLocal(filepath.Join(dir, "file")).ListDir(ctx, "", func(Info) error { return nil })
	for _, tt := range []struct {
		err  error
		want string
	}{
		{putBelowFile, "write " + dir + "/file/x: " + dir + "/file is not a folder"},
		{putOverFolder, "write " + dir + "/folder: file exists"},
		{getFolder, "read " + dir + "/folder: file does not exist: it is a folder"},
		{listMissing, "list " + dir + "/none: no such file or directory"},
		{listFile, "list " + dir + "/file: not a folder"},
	} {
		if tt.err == nil || tt.err.Error() != tt.want {
			t.Errorf("got %v, want %s", tt.err, tt.want)
		}
	}
	if !errors.Is(listMissing, fs.ErrNotExist) || !errors.Is(getFolder, fs.ErrNotExist) {
		t.Error("not fs.ErrNotExist")
	}
	var listed []string
	if err := st.List(ctx, "", func(i Info) error { listed = append(listed, i.Key); return nil }); err != nil {
		t.Fatal(err)
	}
	if strings.Join(listed, " ") != "file" {
		t.Errorf("listed %q", listed)
	}
	if left := hiddenFiles(t, dir); len(left) != 0 {
		t.Errorf("left behind: %q", left)
	}
}

// TestLocalDiskFull writes to a small file system of its own where the machine allows mounting one, and
// checks the translation of the errors in any case.
func TestLocalDiskFull(t *testing.T) {
	t.Parallel()
	for _, errno := range []error{syscall.ENOSPC, syscall.EDQUOT} {
		err := wrap("write", "/data/x.nc", &fs.PathError{Op: "write", Path: "/data/.healpipe-1.tmp", Err: errno})
		if !errors.Is(err, ErrDiskFull) || err.Error() != "write /data/x.nc: no space left: free some, raise the quota, or write elsewhere" {
			t.Errorf("%v: %v", errno, err)
		}
	}
	dir := t.TempDir()
	if err := exec.Command("mount", "-t", "tmpfs", "-o", "size=1m", "none", dir).Run(); err != nil {
		t.Logf("no small file system to fill on this machine: %v", err)
		return
	}
	t.Cleanup(func() { _ = exec.Command("umount", dir).Run() })
	st := NewLocal(dir)
	if _, err := st.Put(t.Context(), "kept", []byte("old"), Condition{}); err != nil {
		t.Fatal(err)
	}
	for _, key := range []string{"kept", "new"} {
		if _, err := st.Put(t.Context(), key, make([]byte, 2<<20), Condition{}); !errors.Is(err, ErrDiskFull) {
			t.Fatalf("%v", err)
		}
	}
	if got, err := os.ReadFile(filepath.Join(dir, "kept")); err != nil || string(got) != "old" {
		t.Fatalf("%s, %v", got, err)
	}
	if left := hiddenFiles(t, dir); len(left) != 0 {
		t.Fatalf("left behind: %q", left)
	}
}

func TestLocalChangedInPlace(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	name := filepath.Join(dir, "f")
	if err := os.WriteFile(name, []byte("first"), 0o666); err != nil {
		t.Fatal(err)
	}
	r, err := NewLocal(dir).Open(t.Context(), "f")
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	before := r.Info().ModTime
	testenv.WaitFor(t, 10*time.Second, "the clock of the file system to tick", func() bool {
		if err := os.WriteFile(name, []byte("other"), 0o666); err != nil {
			t.Fatal(err)
		}
		fi, err := os.Stat(name)
		return err == nil && !fi.ModTime().Equal(before)
	})
	if _, err := r.ReadAt(make([]byte, 5), 0); !errors.Is(err, ErrChanged) {
		t.Fatalf("%v", err)
	}
}

// TestLocalKeepsDevices: an object is never renamed over a pipe or a device such as /dev/null.
func TestLocalKeepsDevices(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	pipe := filepath.Join(dir, "pipe")
	if err := syscall.Mkfifo(pipe, 0o666); err != nil {
		t.Fatal(err)
	}
	_, err := NewLocal(dir).Put(context.Background(), "pipe", []byte("x"), Condition{})
	if err == nil || !strings.Contains(err.Error(), "not a regular file") {
		t.Errorf("Put over a pipe: %v", err)
	}
	if fi, err := os.Lstat(pipe); err != nil || fi.Mode().Type() != fs.ModeNamedPipe {
		t.Errorf("the pipe is %v (%v)", fi, err)
	}
}

// TestLocalWritesThroughLinks puts, creates and edits names that are links: to a file elsewhere, to nowhere yet,
// over several links, and round in a circle.
func TestLocalWritesThroughLinks(t *testing.T) {
	t.Parallel()
	ctx := t.Context()
	for _, write := range []struct {
		name string
		do   func(st *Local, key string) error
	}{
		{"put", func(st *Local, key string) error {
			_, err := st.Put(ctx, key, []byte("new"), Condition{})
			return err
		}},
		{"create", func(st *Local, key string) error {
			w, err := st.Create(ctx, key)
			if err != nil {
				return err
			}
			defer w.Abort()
			_, _ = w.Write([]byte("new"))
			_, err = w.Commit()
			return err
		}},
		{"edit", func(st *Local, key string) error {
			return Edit(ctx, st, key, func(_ Reader, w io.Writer) (Outcome, error) {
				_, err := w.Write([]byte("new"))
				return Replace, err
			})
		}},
	} {
		dir := t.TempDir()
		if err := errors.Join(
			os.Mkdir(filepath.Join(dir, "site"), 0o777), os.Mkdir(filepath.Join(dir, "disk"), 0o777),
			os.WriteFile(filepath.Join(dir, "disk", "file"), []byte("old"), 0o666),
			os.Symlink("../disk/file", filepath.Join(dir, "site", "link")),
			os.Symlink(filepath.Join(dir, "site", "link"), filepath.Join(dir, "site", "twice")),
			os.Symlink("../disk/new/file", filepath.Join(dir, "site", "dangling")),
			os.Symlink("circle", filepath.Join(dir, "site", "circle")),
		); err != nil {
			t.Fatal(err)
		}
		st := NewLocal(filepath.Join(dir, "site"))
		for key, target := range map[string]string{"twice": "disk/file", "link": "disk/file", "dangling": "disk/new/file"} {
			_ = os.WriteFile(filepath.Join(dir, "disk", "file"), []byte("old"), 0o666)
			if err := write.do(st, key); err != nil {
				t.Errorf("%s %s: %v", write.name, key, err)
				continue
			}
			if fi, err := os.Lstat(filepath.Join(dir, "site", key)); err != nil || fi.Mode()&fs.ModeSymlink == 0 {
				t.Errorf("%s %s: the link has become %v, %v", write.name, key, fi.Mode(), err)
			}
			if got, err := os.ReadFile(filepath.Join(dir, target)); err != nil || string(got) != "new" {
				t.Errorf("%s %s: the target holds %q, %v", write.name, key, got, err)
			}
		}
		if err := write.do(st, "circle"); !errors.Is(err, syscall.ELOOP) {
			t.Errorf("%s circle: %v", write.name, err)
		}
		for _, d := range []string{"site", "disk"} {
			if left := hiddenFiles(t, filepath.Join(dir, d)); len(left) > 0 {
				t.Errorf("%s: %s is left with %v", write.name, d, left)
			}
		}
	}
}
