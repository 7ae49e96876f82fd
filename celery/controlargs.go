package celery

import (
	"strings"
)

// requiredArgs are the arguments without which Celery's handler of a command cannot be called.
var requiredArgs = map[string][]string{
	"revoke":                    {"task_id"},
	"revoke_by_stamped_headers": {"headers"},
	"terminate":                 {"signal", "task_id"},
	"rate_limit":                {"task_name", "rate_limit"},
	"election":                  {"id", "topic"},
	"hello":                     {"from_node"},
	"query_task":                {"ids"},
	"add_consumer":              {"queue"},
	"cancel_consumer":           {"queue"},
}

// missingArgs is the TypeError that Python raises for a command without them: a rate limit that is not given must not be
// taken for one to lift.
func missingArgs(method string, args map[string]any) error {
	var missing []string
	for _, name := range requiredArgs[method] {
		if _, has := args[name]; !has {
			missing = append(missing, "'"+name+"'")
		}
	}
	if missing == nil {
		return nil
	}
	noun := "argument"
	if len(missing) > 1 {
		noun += "s"
	}
	return Errorf("TypeError", "%s() missing %d required positional %s: %s", method, len(missing), noun, strings.Join(missing, " and "))
}
