package kombu

import (
	"fmt"
	"time"

	"github.com/google/uuid"

	"healpipe/celery/internal/pyrepr"
)

// The JSON values that Kombu marks with a type (kombu/utils/json.py). DecodeJSON returns them, EncodeJSON
// and the other serializers accept them. UUIDs are uuid.UUID, bytes are []byte, and a decoded date and time
// is a DateTime; a plain time.Time is accepted for encoding as one with an offset.
type (
	// DateTime is Python's datetime. Naive means that it carries no offset: Time then holds the
	// wall-clock reading in UTC.
	DateTime struct {
		time.Time
		Naive bool
	}
	// Date is Python's date; only year, month and day of Time count.
	Date struct{ time.Time }
	// TimeOfDay is Python's time, as its ISO text ("12:30:00.000001+02:00").
	TimeOfDay string
	// Decimal is Python's Decimal, as its text ("1.10", "NaN", "1E+3").
	Decimal string
)

// Text is str() of a value that Kombu marks with a type, with datetime's T; false for other values.
func Text(v any) (string, bool) {
	switch x := v.(type) {
	case DateTime:
		return x.formatISO(), true
	case Date:
		return x.Format(time.DateOnly), true
	case TimeOfDay:
		return string(x), true
	case Decimal:
		return string(x), true
	case uuid.UUID:
		return x.String(), true
	}
	return "", false
}

// PyRepr is what Python's repr() prints.
func (t DateTime) PyRepr() string {
	if t.Naive {
		return pyrepr.Naive(t.Time)
	}
	return pyrepr.Time(t.Time)
}

// PyRepr is what Python's repr() prints.
func (d Date) PyRepr() string {
	return fmt.Sprintf("datetime.date(%d, %d, %d)", d.Year(), int(d.Month()), d.Day())
}

// PyRepr is what Python's repr() prints.
func (t TimeOfDay) PyRepr() string {
	clock, zone, ok := parseClock(string(t))
	if !ok {
		return pyrepr.Repr(string(t))
	}
	s := "datetime.time(" + pyrepr.Clock(time.Time{}.Add(clock))
	if zone != nil {
		_, off := time.Time{}.In(zone).Zone()
		s += pyrepr.Zone(off)
	}
	return s + ")"
}

// PyRepr is what Python's repr() prints.
func (d Decimal) PyRepr() string { return "Decimal(" + pyrepr.Repr(string(d)) + ")" }
