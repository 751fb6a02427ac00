package rfc9110

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"
)

// ErrDate says that a text is not an HTTP-date.
var ErrDate = errors.New("not an HTTP-date")

// Layouts of HTTP-date (§5.6.7) after the name of the day.
const (
	imfLayout     = "02 Jan 2006 15:04:05 GMT"
	rfc850Layout  = "02-Jan-2006 15:04:05 GMT" // as sent, but with the century filled in
	asctimeLayout = "Jan _2 15:04:05 2006"
)

// rfc850Horizon is how far ahead, in years, a two-digit year may be (§5.6.7).
const rfc850Horizon = 50

// ParseDate is [ParseDateAt] with the current time. The time decides only the
// century of an RFC 850 date.
func ParseDate(s string) (time.Time, error) {
	return ParseDateAt(s, time.Now())
}

// ParseDateAt reads an HTTP-date in any of its three formats (§5.6.7):
//
//	Sun, 06 Nov 1994 08:49:37 GMT   IMF-fixdate
//	Sunday, 06-Nov-94 08:49:37 GMT  RFC 850
//	Sun Nov  6 08:49:37 1994        asctime
//
// The result is in UTC. Every byte must match: other zones, other case and missing
// zeros are errors, although time.Parse accepts some of them. Only the name of the
// day may be that of another date. The error is [ErrDate].
func ParseDateAt(s string, now time.Time) (time.Time, error) {
	if day, rest, ok := strings.Cut(s, ", "); ok {
		if isDayName(day, shortName) {
			return parseExact(imfLayout, rest)
		}
		if isDayName(day, time.Weekday.String) {
			return parseRFC850(rest, now)
		}
		return time.Time{}, ErrDate
	}
	day, rest, _ := strings.Cut(s, " ")
	if !isDayName(day, shortName) {
		return time.Time{}, ErrDate
	}
	return parseExact(asctimeLayout, rest)
}

// isDayName reports whether s is the name of one of the seven days.
func isDayName(s string, nameOf func(time.Weekday) string) bool {
	for day := time.Sunday; day <= time.Saturday; day++ {
		if s == nameOf(day) {
			return true
		}
	}
	return false
}

func shortName(day time.Weekday) string {
	return day.String()[:len("Sun")]
}

// parseExact formats the result again and compares, because time.Parse accepts any
// case, fractions of a second, repeated spaces and hours of one digit.
func parseExact(layout, s string) (time.Time, error) {
	// The grammar ends a day at 23:59:60 for a leap second, which time.Parse refuses.
	const leapSecond, secondBefore = "23:59:60", "23:59:59"
	var leap time.Duration
	if strings.Contains(s, leapSecond) {
		s = strings.Replace(s, leapSecond, secondBefore, 1)
		leap = time.Second
	}
	t, err := time.Parse(layout, s)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrDate, err)
	}
	if t.Format(layout) != s {
		return time.Time{}, ErrDate
	}
	return t.Add(leap), nil
}

// parseRFC850 adds the latest century with which the year is at most fifty years
// ahead of now.
func parseRFC850(s string, now time.Time) (time.Time, error) {
	const yearAt, yearEnd = len("06-Nov-"), len("06-Nov-94")
	if len(s) < yearEnd {
		return time.Time{}, ErrDate
	}
	lastDigits, err := strconv.ParseUint(s[yearAt:yearEnd], 10, 8)
	if err != nil {
		return time.Time{}, fmt.Errorf("%w: %w", ErrDate, err)
	}
	limit := now.UTC().AddDate(rfc850Horizon, 0, 0)
	year := limit.Year() - (limit.Year()-int(lastDigits))%100
	inYear := func(year int) (time.Time, error) {
		return parseExact(rfc850Layout, fmt.Sprintf("%s%04d%s", s[:yearAt], year, s[yearEnd:]))
	}
	t, err := inYear(year)
	if err == nil && t.After(limit) {
		return inYear(year - 100)
	}
	return t, err
}

// FormatDate returns t as an IMF-fixdate, the only format to send (§5.6.7).
// It drops fractions of a second. Years outside 0 to 9999 have no HTTP-date.
func FormatDate(t time.Time) string {
	return t.UTC().Format("Mon, " + imfLayout)
}
