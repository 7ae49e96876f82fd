//go:build unix

package storage

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

// TestTogether puts more objects than may be pending into folders of their own, and again over them.
func TestTogether(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	st := NewLocal(dir)
	for round := range 2 {
		body := bytes.Repeat([]byte{byte(round)}, 100_000)
		err := Together(t.Context(), st, func(st Storage) error {
			for i := range 3 * mostPending {
				// The call's context may end with the call.
				ctx, cancel := context.WithCancel(t.Context())
				_, err := st.Put(ctx, fmt.Sprintf("c/%d/0", i), body, Condition{})
				cancel()
				if err != nil {
					return err
				}
			}
			n := 0
			err := st.List(t.Context(), "c/", func(i Info) error {
				n++
				return nil
			})
			if n != 3*mostPending {
				t.Errorf("the list has %d objects of %d that were put", n, 3*mostPending)
			}
			return err
		})
		if err != nil {
			t.Fatal(err)
		}
		for i := range 3 * mostPending {
			got, err := os.ReadFile(filepath.Join(dir, "c", fmt.Sprint(i), "0"))
			if err != nil || !bytes.Equal(got, body) {
				t.Fatalf("round %d, object %d: %d bytes, %v", round, i, len(got), err)
			}
		}
		nothingHidden(t, dir)
	}
}

// TestTogetherSyncsFolders sees that each folder with a new name is synced once, at the end: the new folders' parents too.
func TestTogetherSyncsFolders(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	view := NewLocal(dir).together(t.Context())
	var mu sync.Mutex
	var synced []string
	view.later.sync = func(dir string) error {
		mu.Lock()
		defer mu.Unlock()
		synced = append(synced, dir)
		return nil
	}
	for _, key := range []string{"a/b/1", "a/b/2", "a/3", "d/4"} {
		if _, err := view.Put(t.Context(), key, []byte(key), Condition{}); err != nil {
			t.Fatal(err)
		}
	}
	if err := view.Delete(t.Context(), "d/4"); err != nil {
		t.Fatal(err)
	}
	if len(synced) != 0 {
		t.Errorf("synced before the end: %v", synced)
	}
	if err := view.later.finish(); err != nil {
		t.Fatal(err)
	}
	slices.Sort(synced)
	want := []string{dir, filepath.Join(dir, "a"), filepath.Join(dir, "a/b"), filepath.Join(dir, "d")}
	if !slices.Equal(synced, want) {
		t.Errorf("synced %v, want %v", synced, want)
	}
	failed := errors.New("no room")
	view.later.sync = func(string) error { return failed }
	view.later.changed(dir)
	for range cap(view.later.slots) {
		<-view.later.slots
	}
	if err := view.later.finish(); !errors.Is(err, failed) || !strings.Contains(err.Error(), dir) {
		t.Errorf("a failed sync: %v", err)
	}
}

// TestTogetherErrors: what fails behind fn's back ends the rest, is returned, and names the file.
func TestTogetherErrors(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	folder := filepath.Join(dir, "a", "folder")
	if err := os.MkdirAll(folder, 0o777); err != nil {
		t.Fatal(err)
	}
	err := Together(t.Context(), NewLocal(dir), func(st Storage) error {
		for _, key := range []string{"a/1", "a/folder"} {
			if _, err := st.Put(t.Context(), key, []byte("1"), Condition{}); err != nil {
				t.Errorf("%s: %v at once", key, err)
			}
		}
		for i := 0; ; i++ { // until it is known that one has failed
			if _, err := st.Put(t.Context(), fmt.Sprint("b/", i), []byte("x"), Condition{}); err != nil {
				if !strings.Contains(err.Error(), folder) {
					t.Errorf("after a failure: %v", err)
				}
				return nil
			}
		}
	})
	if err == nil || !strings.Contains(err.Error(), folder) {
		t.Errorf("error %v", err)
	}
	if got, err := os.ReadFile(filepath.Join(dir, "a", "1")); err != nil || string(got) != "1" {
		t.Errorf("what was put before: %q, %v", got, err)
	}
	nothingHidden(t, dir)

	own := errors.New("my own")
	err = Together(t.Context(), NewLocal(dir), func(st Storage) error {
		if _, err := st.Put(t.Context(), "a/folder", []byte("x"), Condition{}); err != nil {
			return err
		}
		return own
	})
	if err != own {
		t.Errorf("an error of the function: %v", err)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	err = Together(ctx, NewLocal(dir), func(st Storage) error {
		_, err := st.Put(t.Context(), "a/2", []byte("2"), Condition{})
		return err
	})
	if !errors.Is(err, context.Canceled) {
		t.Errorf("cancelled: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "a", "2")); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("published after the end of the context: %v", err)
	}
	nothingHidden(t, dir)
}

// nothingHidden looks for temporary and lock files.
func nothingHidden(t *testing.T, dir string) {
	t.Helper()
	err := filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if hidden(filepath.Base(path)) && path != dir {
			t.Errorf("%s is left", path)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
}
