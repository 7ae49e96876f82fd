package storage

import (
	"context"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"
)

// List implements Storage. Symbolic links are followed.
func (l *Local) List(ctx context.Context, prefix string, fn func(Info) error) error {
	dir, _ := cutLast(prefix)
	return l.listRoot(ctx, dir, func() error {
		return l.walk(ctx, dir, prefix, nil, fn)
	})
}

// ListDir implements Storage. Symbolic links are followed.
func (l *Local) ListDir(ctx context.Context, dir string, fn func(Info) error) error {
	prefix := dirPrefix(dir)
	return l.listRoot(ctx, prefix, func() error {
		entries, err := readDir(l.path(prefix))
		for _, e := range entries {
			if err := ctx.Err(); err != nil {
				return wrap("list", l.path(prefix), err)
			}
			fi, err := e.stat(l.path(prefix + e.name))
			if err != nil {
				return err
			}
			if fi == nil || fi.IsDir() {
				continue
			}
			if err := fn(localInfo(prefix+e.name, fi)); err != nil {
				return err
			}
		}
		return err
	})
}

// listRoot tells a missing root, an error, from a missing folder below it, an empty list.
func (l *Local) listRoot(ctx context.Context, dir string, list func() error) error {
	err := ctx.Err()
	if err == nil && l.later != nil {
		err = l.later.settle(ctx)
	}
	if err != nil {
		return wrap("list", l.path(dir), err)
	}
	if trimmed := strings.TrimSuffix(dir, "/"); trimmed != "" {
		if err := checkKey(trimmed); err != nil {
			return wrap("list", Join(l.root, dir), err)
		}
	}
	if fi, err := os.Stat(l.path("")); err != nil {
		return wrap("list", l.path(""), err)
	} else if !fi.IsDir() {
		return wrap("list", l.path(""), errors.New("not a folder"))
	}
	return list()
}

// walk lists the folder dir ("" or with a slash at its end) in the order of keys. above holds the folders
// on the way, so that a link back to one of them does not go round for ever.
func (l *Local) walk(ctx context.Context, dir, prefix string, above []fs.FileInfo, fn func(Info) error) error {
	here, err := os.Stat(l.path(dir))
	if err != nil || slices.ContainsFunc(above, func(fi fs.FileInfo) bool { return os.SameFile(fi, here) }) {
		return ignoreMissing(err, l.path(dir))
	}
	above = append(above, here)
	entries, err := readDir(l.path(dir))
	if err != nil {
		return err
	}
	for _, e := range entries {
		key := dir + e.name
		if !strings.HasPrefix(key, prefix) && !strings.HasPrefix(prefix, key) {
			continue
		}
		if err := ctx.Err(); err != nil {
			return wrap("list", l.path(dir), err)
		}
		fi, err := e.stat(l.path(key))
		switch {
		case err != nil:
			return err
		case fi == nil:
		case fi.IsDir():
			if key += "/"; strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key) {
				err = l.walk(ctx, key, prefix, above, fn)
			}
		case strings.HasPrefix(key, prefix):
			err = fn(localInfo(key, fi))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// dirEntry is a name in a folder and the string that it is ordered by: a folder's name with the slash that
// follows it in keys, since "a-b" comes before "a/b" although "a" comes before "a-b".
type dirEntry struct {
	name  string
	order string
	link  bool
}

// stat describes an entry; nil for what is neither file nor folder or has gone meanwhile.
func (e dirEntry) stat(path string) (fs.FileInfo, error) {
	fi, err := os.Stat(path)
	if err != nil {
		if e.link {
			return nil, nil // a link to nowhere
		}
		return nil, ignoreMissing(err, path)
	}
	if !fi.Mode().IsRegular() && !fi.IsDir() {
		return nil, nil
	}
	return fi, nil
}

// readDir returns a folder's entries in the order of keys, without hidden temporary names.
func readDir(path string) ([]dirEntry, error) {
	list, err := os.ReadDir(path)
	if err != nil {
		return nil, ignoreMissing(err, path)
	}
	entries := make([]dirEntry, 0, len(list))
	for _, e := range list {
		if hidden(e.Name()) {
			continue
		}
		d := dirEntry{name: e.Name(), order: e.Name(), link: e.Type()&fs.ModeSymlink != 0}
		isDir := e.IsDir()
		if d.link {
			fi, err := os.Stat(path + string(os.PathSeparator) + d.name)
			isDir = err == nil && fi.IsDir()
		}
		if isDir {
			d.order += "/"
		}
		entries = append(entries, d)
	}
	slices.SortFunc(entries, func(a, b dirEntry) int { return strings.Compare(a.order, b.order) })
	return entries, nil
}

// ignoreMissing makes nothing of what has gone, or is no folder, between listing and looking.
func ignoreMissing(err error, path string) error {
	if errors.Is(missing(err), fs.ErrNotExist) {
		return nil
	}
	return wrap("list", path, err)
}

// cutLast splits a prefix behind its last slash.
func cutLast(prefix string) (dir, rest string) {
	i := strings.LastIndexByte(prefix, '/') + 1
	return prefix[:i], prefix[i:]
}
