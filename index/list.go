package index

import (
	"context"
	"errors"
	"io"
	"iter"
	"strings"
	"sync"

	"healpipe/storage"
)

// Root is one of the places to list.
type Root struct {
	// Path is the root as the settings write it; rows have it in front of each name.
	Path string
	// Storage has its objects, with keys relative to the root.
	Storage storage.Storage
	// Tree lists all folders below the root as well, which S3 prefixes need.
	Tree bool
}

// Join puts a root and a name together as os.path.join does. A bucket is written without its scheme, as an
// S3 listing gives it.
func Join(root, name string) string {
	root = strings.TrimPrefix(root, "s3://")
	if root == "" || strings.HasSuffix(root, "/") {
		return root + name
	}
	return root + "/" + name
}

// lookahead is the number of names that a root's listing may be ahead of its consumer.
const lookahead = 4096

// Names lists the roots at the same time and yields their paths one root after the other, each in order
// of its names. An error ends the iteration.
func Names(ctx context.Context, roots []Root) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		ctx, stop := context.WithCancel(ctx)
		var wg sync.WaitGroup
		defer wg.Wait()
		defer stop()
		lists := make([]chan []string, len(roots))
		errs := make([]error, len(roots))
		for i, root := range roots {
			lists[i] = make(chan []string, 4)
			wg.Go(func() {
				defer close(lists[i])
				errs[i] = root.list(ctx, lists[i])
			})
		}
		for i := range roots {
			for batch := range lists[i] {
				for _, name := range batch {
					if !yield(name, nil) {
						return
					}
				}
			}
			if errs[i] != nil {
				yield("", errs[i])
				return
			}
		}
	}
}

// list sends the paths of a root in batches.
func (r Root) list(ctx context.Context, out chan<- []string) error {
	batch := make([]string, 0, lookahead/4)
	send := func() error {
		select {
		case out <- batch:
			batch = make([]string, 0, lookahead/4)
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	add := func(info storage.Info) error {
		batch = append(batch, Join(r.Path, info.Key))
		if len(batch) == cap(batch) {
			return send()
		}
		return nil
	}
	var err error
	if r.Tree {
		err = r.Storage.List(ctx, "", add)
	} else {
		err = r.Storage.ListDir(ctx, "", add)
	}
	if err == nil && len(batch) > 0 {
		err = send()
	}
	return err
}

// FileName is the name of the index beside the regridded files.
const FileName = "index.csv"

// Update lists the *.nc directly under an output root and stores their index, with row numbers, as
// index.csv there.
func Update(ctx context.Context, root Root) (Result, error) {
	root.Tree = false
	w, err := root.Storage.Create(ctx, FileName)
	if err != nil {
		return Result{}, err
	}
	res, err := Create(w, onlyNetCDF(Names(ctx, []Root{root})), WriterOptions{RowNumbers: true})
	if err != nil {
		return res, errors.Join(err, w.Abort())
	}
	_, err = w.Commit()
	return res, err
}

// onlyNetCDF passes what the glob *.nc takes: names that end so and do not begin with a point.
func onlyNetCDF(names iter.Seq2[string, error]) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		for name, err := range names {
			base := name[strings.LastIndexByte(name, '/')+1:]
			if err == nil && (!strings.HasSuffix(base, ".nc") || strings.HasPrefix(base, ".")) {
				continue
			}
			if !yield(name, err) {
				return
			}
		}
	}
}

// Open reads the index.csv of an output root. close must be called when the reading is over.
func Open(ctx context.Context, st storage.Storage) (r *Reader, close func() error, err error) {
	f, err := st.Open(ctx, FileName)
	if err != nil {
		return nil, nil, err
	}
	name := Join(st.String(), FileName)
	return NewReader(io.NewSectionReader(f, 0, f.Info().Size), name), f.Close, nil
}
