package config

import (
	"errors"
	"fmt"
	"strings"

	"go.starlark.net/starlark"
)

// unread is the class of failures that Python would not have had: no handler takes them.
const unread = "(not read)"

// exception is a failure with the class that Python would give it, "" where that is unknown.
type exception struct {
	class, message, mend string
	spoilt               *spoiltValue // whose use failed, if that was the reason
}

func (e *exception) Error() string { return e.message }

func raiseClass(class, format string, args ...any) error {
	return &exception{class: class, message: fmt.Sprintf(format, args...)}
}

// notRead is the failure of what config.py may do in Python but not here.
func notRead(mend, format string, args ...any) error {
	return &exception{class: unread, message: fmt.Sprintf(format, args...), mend: mend}
}

// bases are the classes above each class that handlers name.
var bases = map[string]string{
	"KeyError": "LookupError", "IndexError": "LookupError", "LookupError": "Exception",
	"ModuleNotFoundError": "ImportError", "ImportError": "Exception",
	"FileNotFoundError": "OSError", "OSError": "Exception", "UnicodeDecodeError": "ValueError",
	"ValueError": "Exception", "TypeError": "Exception", "AttributeError": "Exception", "NameError": "Exception",
	"ZeroDivisionError": "ArithmeticError", "ArithmeticError": "Exception", "RuntimeError": "Exception",
	"AssertionError": "Exception", "NotImplementedError": "RuntimeError", "SystemExit": "BaseException", "Exception": "BaseException",
}

// is tells whether a handler for the class takes the exception.
func (e *exception) is(class string) bool {
	for c := e.class; c != ""; c = bases[c] {
		if c == class || class == "EnvironmentError" && c == "OSError" {
			return true
		}
	}
	return false
}

// asException finds the class of a failure, of Starlark's own by its message.
func asException(e *starlark.EvalError) *exception {
	var exc *exception
	if errors.As(e, &exc) {
		return exc
	}
	msg := e.Msg
	for _, known := range []struct{ part, class string }{
		{"not in dict", "KeyError"}, {"out of range", "IndexError"}, {"invalid literal", "ValueError"},
		{"referenced before assignment", "NameError"}, {"division by zero", "ZeroDivisionError"}, {"modulo by zero", "ZeroDivisionError"},
		{" has no .", "AttributeError"}, {"unknown binary op", "TypeError"}, {"unknown unary op", "TypeError"}, {": got ", "TypeError"},
		{"unhandled index operation", "TypeError"}, {"invalid call of non-function", "TypeError"}, {" not iterable", "TypeError"},
	} {
		if strings.Contains(msg, known.part) {
			return &exception{class: known.class, message: msg}
		}
	}
	return &exception{message: msg}
}

// exceptionValue is an exception as the file sees it.
type exceptionValue struct{ exc *exception }

func (v exceptionValue) String() string        { return v.exc.message }
func (v exceptionValue) Type() string          { return v.exc.class }
func (v exceptionValue) Freeze()               {}
func (v exceptionValue) Truth() starlark.Bool  { return true }
func (v exceptionValue) Hash() (uint32, error) { return starlark.String(v.exc.message).Hash() }

// exceptionClasses are the names that raise takes.
func exceptionClasses() starlark.StringDict {
	d := starlark.StringDict{}
	for class := range bases {
		d[class] = starlark.NewBuiltin(class, func(_ *starlark.Thread, b *starlark.Builtin, args starlark.Tuple, _ []starlark.Tuple) (starlark.Value, error) {
			var parts []string
			for _, a := range args {
				parts = append(parts, plain(a))
			}
			return exceptionValue{&exception{class: b.Name(), message: strings.Join(parts, ", ")}}, nil
		})
	}
	return d
}

// spoiltValue stands for a name whose statement failed. Nothing can be done with it, so that what uses it
// is spoilt as well.
type spoiltValue struct{ number int }

func (v *spoiltValue) String() string        { return "a spoilt value" }
func (v *spoiltValue) Type() string          { return "spoilt" }
func (v *spoiltValue) Freeze()               {}
func (v *spoiltValue) Truth() starlark.Bool  { return false }
func (v *spoiltValue) Hash() (uint32, error) { return 0, errors.New("a spoilt value") }
