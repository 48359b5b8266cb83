package shop

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// duration finds the times of a flow file.
var duration = regexp.MustCompile(`\b(within|timeout|settle|p95|p99|grace): (\d+)(ms|s)\b`)

// defaultSettle is flowcheck's own, which a flow file need not name.
const defaultSettle = "settle: 500ms\n"

// ownSettle finds the settle of a flow file.
var ownSettle = regexp.MustCompile(`(?m)^settle:`)

// Stretched is the text of a flow file with each of its times so many times as long.
func Stretched(text string, by float64) string {
	if by > 1 && !ownSettle.MatchString(text) {
		text = strings.TrimSuffix(text, "\n") + "\n" + defaultSettle
	}
	return duration.ReplaceAllStringFunc(text, func(m string) string {
		parts := duration.FindStringSubmatch(m)
		n, err := strconv.Atoi(parts[2])
		if err != nil {
			return m
		}
		if parts[3] == "s" {
			n *= 1000
		}
		return fmt.Sprintf("%s: %dms", parts[1], int(float64(n)*by))
	})
}
