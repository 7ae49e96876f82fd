package curate

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"slices"
	"strings"
	"sync"

	"healpipe/storage"
)

// StatisticsKey is the object of Options.Statistics that MergeStatistics writes.
const StatisticsKey = "statistics.json"

// Moments are those of the values of one variable, on one level, that are not NaN. Std is the population's
// standard deviation (numpy's std with ddof=0). Numbers that are not finite are null in JSON.
type Moments struct {
	Level *float64 `json:"level,omitempty"` // of a variable on levels
	Count int64    `json:"count"`
	Mean  number64 `json:"mean"`
	Std   number64 `json:"std"`
	Min   number64 `json:"min"`
	Max   number64 `json:"max"`
	M2    number64 `json:"m2"` // sum of the squared deviations from Mean
}

// VariableStatistics are those of one variable over some files.
type VariableStatistics struct {
	Files  int       `json:"files"`
	Hours  int       `json:"hours"`
	Levels []Moments `json:"levels"` // one element for a variable without levels
}

// Statistics are those of all variables.
type Statistics struct {
	Variables map[string]*VariableStatistics `json:"variables"`
}

// number64 is a float64 that is null in JSON where it is not finite.
type number64 float64

// MarshalJSON implements json.Marshaler.
func (n number64) MarshalJSON() ([]byte, error) {
	if v := float64(n); math.IsNaN(v) || math.IsInf(v, 0) {
		return []byte("null"), nil
	}
	return json.Marshal(float64(n))
}

// UnmarshalJSON implements json.Unmarshaler.
func (n *number64) UnmarshalJSON(b []byte) error {
	if string(b) == "null" {
		*n = number64(math.NaN())
		return nil
	}
	return json.Unmarshal(b, (*float64)(n))
}

// momentsOf goes over the values twice: first the mean, then the deviations from it.
func momentsOf(values []float32) Moments {
	m := Moments{Min: number64(math.Inf(1)), Max: number64(math.Inf(-1))}
	sum := 0.0
	for _, v := range values {
		if v != v {
			continue
		}
		x := float64(v)
		m.Count++
		sum += x
		m.Min, m.Max = min(m.Min, number64(x)), max(m.Max, number64(x))
	}
	mean := sum / float64(m.Count) // NaN without values
	m2 := 0.0
	for _, v := range values {
		if v == v {
			d := float64(v) - mean
			m2 += d * d
		}
	}
	m.Mean, m.M2 = number64(mean), number64(m2)
	return m
}

// merge adds the values of another set, by the formula of Chan, Golub and LeVeque (1979):
//
//	mean = mean + delta*nb/n      M2 = M2a + M2b + delta²*na*nb/n      delta = mean_b - mean_a
func (m Moments) merge(b Moments) Moments {
	if b.Count == 0 {
		return m
	}
	if m.Count == 0 {
		b.Level = m.Level
		return b
	}
	na, nb := float64(m.Count), float64(b.Count)
	n := na + nb
	delta := float64(b.Mean - m.Mean)
	m.Count += b.Count
	m.Mean += number64(delta * nb / n)
	m.M2 += b.M2 + number64(delta*delta*na*nb/n)
	m.Min, m.Max = min(m.Min, b.Min), max(m.Max, b.Max)
	return m
}

// finish fills in what follows from the sums.
func (m Moments) finish() Moments {
	if m.Count == 0 {
		none := number64(math.NaN())
		return Moments{Level: m.Level, Mean: none, Std: none, Min: none, Max: none, M2: none}
	}
	m.Std = number64(math.Sqrt(float64(m.M2) / float64(m.Count)))
	return m
}

// collector gathers the moments of the pieces that a source hands out, by level and step: a piece that is
// asked for again, because another writer was faster, counts once.
type collector struct {
	mu     sync.Mutex
	pieces map[pieceKey]Moments
}

type pieceKey struct{ level, step int }

func (c *collector) add(level, step int, values []float32) {
	m := momentsOf(values)
	c.mu.Lock()
	defer c.mu.Unlock()
	c.pieces[pieceKey{level, step}] = m
}

// levels merges the pieces in the order of time, so that the result does not depend on who was faster.
func (c *collector) levels(n int) []Moments {
	keys := make([]pieceKey, 0, len(c.pieces))
	for k := range c.pieces {
		keys = append(keys, k)
	}
	slices.SortFunc(keys, func(a, b pieceKey) int { return a.step - b.step })
	out := make([]Moments, n)
	for _, k := range keys {
		out[k.level] = out[k.level].merge(c.pieces[k])
	}
	for i := range out {
		out[i] = out[i].finish()
	}
	return out
}

// saveStatistics stores what a file's variable contributes, under the variable and the file's hours: writing
// the file again replaces it.
func (s *Store) saveStatistics(ctx context.Context, fd field, c *collector, levels int) error {
	first, last := slices.Min(fd.steps), slices.Max(fd.steps)
	const hour = "2006010215"
	key := fmt.Sprintf("%s/%s_%s.json", fd.name, s.layout.Time.At(first).Format(hour), s.layout.Time.At(last).Format(hour))
	text, err := json.Marshal(VariableStatistics{Files: 1, Hours: len(fd.steps), Levels: c.levels(levels)})
	if err != nil {
		return err
	}
	_, err = s.opt.Statistics.Put(ctx, key, append(text, '\n'), storage.Condition{})
	return err
}

// MergeStatistics merges what all files have contributed into StatisticsKey, and returns it. The result
// depends on the files alone, not on the order in which they were processed.
func (s *Store) MergeStatistics(ctx context.Context) (*Statistics, error) {
	st := s.opt.Statistics
	if st == nil {
		return nil, errors.New("statistics are not collected: no place for them is set")
	}
	total := &Statistics{Variables: map[string]*VariableStatistics{}}
	err := st.List(ctx, "", func(info storage.Info) error {
		name, file := path.Split(info.Key)
		if name == "" || !strings.HasSuffix(file, ".json") {
			return nil
		}
		text, _, err := st.Get(ctx, info.Key)
		if err != nil {
			return err
		}
		var one VariableStatistics
		if err := json.Unmarshal(text, &one); err != nil {
			return fmt.Errorf("%s: %w", storage.Join(st.String(), info.Key), err)
		}
		return total.add(strings.TrimSuffix(name, "/"), one)
	})
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	if err := s.nameLevels(ctx, total); err != nil {
		return nil, err
	}
	text, err := json.MarshalIndent(total, "", "  ")
	if err != nil {
		return nil, err
	}
	text = append(text, '\n')
	if old, _, err := st.Get(ctx, StatisticsKey); err == nil && bytes.Equal(old, text) {
		return total, nil
	}
	_, err = st.Put(ctx, StatisticsKey, text, storage.Condition{})
	return total, err
}

func (t *Statistics) add(name string, one VariableStatistics) error {
	sum := t.Variables[name]
	if sum == nil {
		sum = &VariableStatistics{Levels: make([]Moments, len(one.Levels))}
		t.Variables[name] = sum
	}
	if len(one.Levels) != len(sum.Levels) {
		return fmt.Errorf("statistics of %s for %d levels and for %d", name, len(sum.Levels), len(one.Levels))
	}
	sum.Files += one.Files
	sum.Hours += one.Hours
	for i, m := range one.Levels {
		sum.Levels[i] = sum.Levels[i].merge(m).finish()
	}
	return nil
}

// nameLevels adds the store's pressure levels to the variables that are on them.
func (s *Store) nameLevels(ctx context.Context, t *Statistics) error {
	for _, name := range levelNames {
		v := t.Variables[name]
		if v == nil {
			continue
		}
		g, err := s.group(ctx, s.zs, s.opt.Workers)
		if err != nil {
			return err
		}
		a, err := g.Array(ctx, levelsName)
		if err != nil {
			return err
		}
		levels, err := readFloats(ctx, a)
		if err != nil {
			return err
		}
		for i := range min(len(levels), len(v.Levels)) {
			v.Levels[i].Level = &levels[i]
		}
	}
	return nil
}
