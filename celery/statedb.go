package celery

import (
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"time"
)

// stateFile is the content of --statedb: what has been revoked and the clock, kept over a restart. It is JSON; the
// file of a Python worker (a pickled shelf) is not read.
type stateFile struct {
	Clock   int64            `json:"clock"`
	Revoked []revokedEntry   `json:"revoked"`
	Stamps  map[string][]any `json:"revoked_stamps,omitempty"`
}

type revokedEntry struct {
	ID string  `json:"id"`
	At float64 `json:"at"`
}

func (w *Worker) statePath() string {
	p := w.opts.StateDB
	if p == "" {
		p = w.conf.WorkerStateDB
	}
	if p == "" {
		return ""
	}
	return ExpandNode(p, w.node)
}

// loadState reads the state file, if there is one.
func (w *Worker) loadState() error {
	path := w.statePath()
	if path == "" {
		return nil
	}
	raw, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("celery: state file: %w", err)
	}
	var s stateFile
	if err := json.Unmarshal(raw, &s); err != nil {
		return fmt.Errorf("celery: state file %s is not one of this program (move it away): %w", path, err)
	}
	for _, e := range s.Revoked {
		w.state.revoked.addAt(e.ID, time.UnixMicro(int64(e.At*1e6)))
	}
	for h, l := range s.Stamps {
		w.state.revokeStamps(h, l)
	}
	w.app.lclock.adjust(s.Clock)
	return nil
}

// saveState writes the state file beside itself and renames it, so that a crash leaves the old or the new one.
func (w *Worker) saveState() {
	path := w.statePath()
	if path == "" {
		return
	}
	if err := w.writeState(path); err != nil {
		w.log.errorf("Cannot save the state to %s: %v", path, err)
	}
}

func (w *Worker) writeState(path string) error {
	s := stateFile{Clock: w.app.lclock.value(), Revoked: []revokedEntry{}}
	set := w.state.revoked
	set.mu.Lock()
	for e := set.order.Front(); e != nil; e = e.Next() {
		it := e.Value.(limitedItem)
		s.Revoked = append(s.Revoked, revokedEntry{it.id, epoch(it.at)})
	}
	set.mu.Unlock()
	w.state.mu.Lock()
	s.Stamps = w.state.stamps
	raw, err := json.MarshalIndent(s, "", " ")
	w.state.mu.Unlock()
	if err != nil {
		return err
	}
	f, err := os.CreateTemp(filepath.Dir(path), filepath.Base(path)+".*")
	if err != nil {
		return err
	}
	defer os.Remove(f.Name())
	if _, err = f.Write(raw); err == nil {
		err = f.Sync()
	}
	if cerr := f.Close(); err == nil {
		err = cerr
	}
	if err == nil {
		err = os.Rename(f.Name(), path)
	}
	return err
}
