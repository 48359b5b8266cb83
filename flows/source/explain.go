package source

import (
	"errors"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v4"
)

// explain says in the words of a flow file's author what the YAML parser met,
// and returns the line to leave out before the rest is tried.
func explain(doc *document, err error) (Error, int) {
	var second *secondDocument
	if errors.As(err, &second) {
		e := Errorf(doc.at(second.line, 1), "a second document begins here; a flow file has one").
			WithHint("put the other flow into a file of its own, or take the line `---` out")
		return e, 1
	}
	var le *yaml.LoadError
	if !errors.As(err, &le) || le.Mark.Line == 0 {
		return Errorf(doc.at(1, 1), "this is no YAML: %s", printable(err.Error())), 1
	}
	for _, known := range complaints() {
		if strings.Contains(le.Message, known.message) && strings.Contains(le.ContextMsg, known.context) {
			at := le.Mark
			if known.atContext {
				at = le.ContextMark
			}
			if known.when != "" && !strings.HasPrefix(rest(doc, at), known.when) {
				continue
			}
			text := strings.ReplaceAll(known.text, "%d", strconv.Itoa(le.ContextMark.Line))
			return Errorf(doc.inside(at.Line, at.Column), "%s", text).WithHint("%s", known.hint), known.line(le)
		}
	}
	text := le.Message
	if le.ContextMsg != "" {
		text += ", " + le.ContextMsg
	}
	return Errorf(doc.inside(le.Mark.Line, le.Mark.Column), "this is no YAML: %s", printable(text)), le.Mark.Line
}

// rest returns the line from a mark on.
func rest(doc *document, at yaml.Mark) string {
	line := []rune(doc.line(at.Line))
	if at.Column < 1 || at.Column > len(line) {
		return ""
	}
	return string(line[at.Column-1:])
}

// complaint is an error of the YAML parser, and what is most often behind it.
type complaint struct {
	message, context string // parts of the parser's words
	when             string // what the line holds from there on; "" for anything
	atContext        bool   // it is better shown where the construct begins
	text, hint       string
}

// line is where to look for the part of the file that is broken.
func (c complaint) line(le *yaml.LoadError) int {
	if c.atContext || strings.Contains(c.text, "%d") {
		return le.ContextMark.Line
	}
	return le.Mark.Line
}

func complaints() []complaint {
	const quoteIt = "put the whole value into quotes: 'body.a == \"b: c\"'"
	const inFlow = "close it; or put a value in it that holds , [ ] { or } into quotes: { when: 'body.a in [\"x\", \"y\"]' }"
	return []complaint{
		{message: "mapping values are not allowed", text: "a second `: ` in one value, or a line that is indented too far", hint: quoteIt + "; or indent the line like its neighbours"},
		{message: "cannot start any token", when: "\t", text: "a tab, where YAML wants spaces", hint: "indent with spaces"},
		{message: "cannot start any token", text: "a value cannot begin with this character", hint: quoteIt},
		{message: "unexpected end of stream", context: "quoted scalar", atContext: true, text: "this quote is never closed", hint: "close it on the same line"},
		{message: "unexpected document indicator", context: "quoted scalar", atContext: true, text: "this quote is never closed", hint: "close it on the same line"},
		{message: "unknown escape character", text: "this backslash is no escape of YAML", hint: "use single quotes, in which a backslash stands for itself"},
		{message: "did not find", context: "escape", text: "this backslash is no escape of YAML", hint: "use single quotes, in which a backslash stands for itself"},
		{message: "expected ',' or '}'", text: "the `{` of line %d does not go on like this", hint: inFlow},
		{message: "expected ',' or ']'", text: "the `[` of line %d does not go on like this", hint: inFlow},
		{message: "expected node content", context: "flow", text: "here a value or a closing bracket is missing", hint: inFlow},
		{message: "did not find expected key", text: "here a key should stand", hint: "is the line indented like its neighbours? after a closing quote nothing may follow: '\"a\" == key'"},
		{message: "expected '-' indicator", text: "here an item of the list should stand", hint: "begin it with `- `, indented like its neighbours"},
		{message: "could not find expected ':'", atContext: true, text: "here a `:` is missing after a key", hint: "is the line indented like its neighbours?"},
		{message: "", context: "block scalar", atContext: true, text: "`>` and `|` begin a block of text", hint: "put the value into quotes: \">=1\""},
		{message: "unknown anchor", text: "this alias stands for nothing", hint: "a value that begins with `*` needs quotes"},
		{message: "", context: "alias", text: "`*` begins an alias", hint: "a value that begins with `*` needs quotes"},
		{message: "", context: "anchor", text: "`&` begins an anchor", hint: "a value that begins with `&` needs quotes"},
		{message: "", context: "tag", text: "`!` begins a YAML tag, which a flow file does not have", hint: "an expression that begins with `!` needs quotes, or `not` instead"},
		{message: "block sequence entries are not allowed", text: "`- ` begins an item of a list, for which there is no place here", hint: "begin the list in a line of its own; a value that begins with `- ` needs quotes"},
		{message: "directive", text: "a directive of YAML, which a flow file does not have", hint: "leave out the line that begins with %"},
		{message: "incompatible YAML", text: "a directive of YAML, which a flow file does not have", hint: "leave out the line that begins with %"},
		{message: "exceeded max depth", text: "nested too deep"},
		{message: "control characters", text: "a character that YAML does not have", hint: "inside double quotes write it as \\u and four digits"},
	}
}
