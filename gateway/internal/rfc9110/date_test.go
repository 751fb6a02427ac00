package rfc9110_test

import (
	"errors"
	"regexp"
	"testing"
	"time"

	"github.com/statusway/statusway/gateway/internal/rfc9110"
)

func TestParseDate(t *testing.T) {
	t.Parallel()
	now := time.Date(2026, time.March, 1, 12, 0, 0, 0, time.UTC)
	utc := func(year int, month time.Month, day, hour, minute, second int) time.Time {
		return time.Date(year, month, day, hour, minute, second, 0, time.UTC)
	}
	tests := []struct {
		name, in string
		want     time.Time
	}{
		{"IMF-fixdate", sunday, sundayTime()},
		{"RFC 850", "Sunday, 06-Nov-94 08:49:37 GMT", sundayTime()},
		{"asctime", "Sun Nov  6 08:49:37 1994", sundayTime()},
		{"asctime, two digits", "Wed Nov 16 08:49:37 1994", utc(1994, time.November, 16, 8, 49, 37)},
		{"wrong name of the day", "Tue, 06 Nov 1994 08:49:37 GMT", sundayTime()},
		{"leap day", "Thu, 29 Feb 2024 00:00:00 GMT", utc(2024, time.February, 29, 0, 0, 0)},
		{"leap second", "Sat, 31 Dec 2016 23:59:60 GMT", utc(2017, time.January, 1, 0, 0, 0)},
		{"leap second, RFC 850", "Saturday, 31-Dec-16 23:59:60 GMT", utc(2017, time.January, 1, 0, 0, 0)},
		{"leap second, asctime", "Sat Dec 31 23:59:60 2016", utc(2017, time.January, 1, 0, 0, 0)},
		{"first", "Sat, 01 Jan 0000 00:00:00 GMT", utc(0, time.January, 1, 0, 0, 0)},
		{"last", "Fri, 31 Dec 9999 23:59:59 GMT", utc(9999, time.December, 31, 23, 59, 59)},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseDateAt(tt.in, now)
			if err != nil || !got.Equal(tt.want) || got.Location() != time.UTC {
				t.Errorf("ParseDateAt(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
			}
			if got, err = rfc9110.ParseDate(tt.in); err != nil || !got.Equal(tt.want) {
				t.Errorf("ParseDate(%q) = %v, %v; want %v", tt.in, got, err, tt.want)
			}
		})
	}
}

func TestParseDateErrors(t *testing.T) {
	t.Parallel()
	tests := []struct{ name, in string }{
		{"empty", ""},
		{"word", "yesterday"},
		{"number", "784111777"},
		{"ISO 8601", "1994-11-06T08:49:37Z"},
		{"other zone name", "Sun, 06 Nov 1994 08:49:37 UTC"},
		{"offset", "Sun, 06 Nov 1994 08:49:37 +0000"},
		{"lower-case zone", "Sun, 06 Nov 1994 08:49:37 gmt"},
		{"no zone", "Sun, 06 Nov 1994 08:49:37"},
		{"lower-case day", "sun, 06 Nov 1994 08:49:37 GMT"},
		{"lower-case month", "Sun, 06 nov 1994 08:49:37 GMT"},
		{"no such day name", "Son, 06 Nov 1994 08:49:37 GMT"},
		{"day name cut in RFC 850", "Sun, 06-Nov-94 08:49:37 GMT"},
		{"day name whole in IMF-fixdate", "Sunday, 06 Nov 1994 08:49:37 GMT"},
		{"day name whole in asctime", "Sunday Nov  6 08:49:37 1994"},
		{"no day name", "06 Nov 1994 08:49:37 GMT"},
		{"no space after the comma", "Sun,06 Nov 1994 08:49:37 GMT"},
		{"two spaces", "Sun, 06  Nov 1994 08:49:37 GMT"},
		{"day of one digit", "Sun, 6 Nov 1994 08:49:37 GMT"},
		{"day padded with a space", "Sun,  6 Nov 1994 08:49:37 GMT"},
		{"hour of one digit", "Sun, 06 Nov 1994 8:49:37 GMT"},
		{"fraction", "Sun, 06 Nov 1994 08:49:37.5 GMT"},
		{"year of two digits", "Sun, 06 Nov 94 08:49:37 GMT"},
		{"year of five digits", "Sun, 06 Nov 11994 08:49:37 GMT"},
		{"RFC 850 with a whole year", "Sunday, 06-Nov-1994 08:49:37 GMT"},
		{"RFC 850 with a signed year", "Sunday, 06-Nov-+4 08:49:37 GMT"},
		{"RFC 850, too short", "Sunday, 06-Nov-9"},
		{"asctime with a zero", "Sun Nov 06 08:49:37 1994"},
		{"asctime with one space", "Sun Nov 6 08:49:37 1994"},
		{"asctime with a zone", "Sun Nov  6 08:49:37 1994 GMT"},
		{"no such date", "Thu, 29 Feb 2023 00:00:00 GMT"},
		{"day 0", "Sun, 00 Nov 1994 08:49:37 GMT"},
		{"day 32", "Sun, 32 Dec 1994 08:49:37 GMT"},
		{"hour 24", "Sun, 06 Nov 1994 24:00:00 GMT"},
		{"minute 60", "Sun, 06 Nov 1994 08:60:37 GMT"},
		{"second 60 inside a day", "Sun, 06 Nov 1994 08:49:60 GMT"},
		{"second 61", "Sat, 31 Dec 2016 23:59:61 GMT"},
		{"two dates", sunday + ", " + monday},
		{"space before", " " + sunday},
		{"space after", sunday + " "},
		{"NUL after", sunday + "\x00"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			got, err := rfc9110.ParseDate(tt.in)
			if !errors.Is(err, rfc9110.ErrDate) || !got.IsZero() {
				t.Errorf("ParseDate(%q) = %v, %v; want ErrDate", tt.in, got, err)
			}
		})
	}
}

// A two-digit year is the latest that is not more than fifty years ahead.
func TestParseDateCentury(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, now, in string
		year          int
	}{
		{"this year", "2026-03-01T12:00:00Z", "Sunday, 01-Mar-26 12:00:00 GMT", 2026},
		{"fifty years ahead to the second", "2026-03-01T12:00:00Z", "Sunday, 01-Mar-76 12:00:00 GMT", 2076},
		{"fifty years and a second ahead", "2026-03-01T12:00:00Z", "Sunday, 01-Mar-76 12:00:01 GMT", 1976},
		{"fifty-one years ahead", "2026-03-01T12:00:00Z", "Tuesday, 01-Mar-77 12:00:00 GMT", 1977},
		{"last century", "2026-03-01T12:00:00Z", "Sunday, 06-Nov-94 08:49:37 GMT", 1994},
		{"start of the century", "2026-03-01T12:00:00Z", "Saturday, 01-Jan-00 00:00:00 GMT", 2000},
		{"leap day of a century", "2026-03-01T12:00:00Z", "Tuesday, 29-Feb-00 00:00:00 GMT", 2000},
		{"tomorrow is a new century", "2099-12-31T23:59:59Z", "Friday, 01-Jan-00 00:00:00 GMT", 2100},
		{"now in another zone", "2026-12-31T23:00:00-05:00", "Friday, 01-Jan-77 04:00:00 GMT", 2077},
		{"now in another zone, a second more", "2026-12-31T23:00:00-05:00", "Saturday, 01-Jan-77 04:00:01 GMT", 1977},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			now, err := time.Parse(time.RFC3339, tt.now)
			if err != nil {
				t.Fatal(err)
			}
			got, err := rfc9110.ParseDateAt(tt.in, now)
			if err != nil || got.Year() != tt.year {
				t.Errorf("ParseDateAt(%q, %s) = %v, %v; want year %d", tt.in, tt.now, got, err, tt.year)
			}
		})
	}
}

func TestFormatDate(t *testing.T) {
	t.Parallel()
	east := time.FixedZone("east", 2*60*60)
	if got := rfc9110.FormatDate(sundayTime().Add(time.Second - 1).In(east)); got != sunday {
		t.Errorf("FormatDate = %q, want %q", got, sunday)
	}
}

// dateGrammar is HTTP-date, its three formats in groups of their own.
func dateGrammar() *regexp.Regexp {
	const (
		month = `(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)`
		clock = `[0-9]{2}:[0-9]{2}:[0-9]{2}`
		short = `(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)`
		long  = `(?:Mon|Tues|Wednes|Thurs|Fri|Satur|Sun)day`
	)
	return regexp.MustCompile(`^(?:` +
		`(` + short + `, [0-9]{2} ` + month + ` [0-9]{4} ` + clock + ` GMT)|` +
		`(` + long + `, [0-9]{2}-` + month + `-[0-9]{2} ` + clock + ` GMT)|` +
		`(` + short + ` ` + month + ` [ 0-9][0-9] ` + clock + ` [0-9]{4}))$`)
}

func FuzzParseDate(f *testing.F) {
	for _, s := range []string{
		sunday, "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994", "Sat, 31 Dec 2016 23:59:60 GMT", "Sun, 06 nov 1994 8:49:37.5 GMT",
	} {
		f.Add(s, int64(1_772_366_400))
	}
	grammar := dateGrammar()
	f.Fuzz(func(t *testing.T, s string, unix int64) {
		now := time.Unix(unix%(1<<37), 0)
		date, err := rfc9110.ParseDateAt(s, now)
		formats := grammar.FindStringSubmatch(s)
		if err != nil {
			if !date.IsZero() || !errors.Is(err, rfc9110.ErrDate) {
				t.Errorf("ParseDateAt(%q) = %v, %v", s, date, err)
			}
			return
		}
		if formats == nil {
			t.Fatalf("ParseDateAt(%q) = %v", s, date)
		}
		if limit := now.UTC().AddDate(50, 0, 1); formats[2] != "" && (date.After(limit) || date.AddDate(100, 0, 1).Before(limit)) {
			t.Errorf("ParseDateAt(%q, %v) = %v, not in the century that ends at %v", s, now, date, limit)
		}
		if date.Year() > 9999 {
			return // 9999-12-31T23:59:60 has no successor that can be written
		}
		again, err := rfc9110.ParseDateAt(rfc9110.FormatDate(date), now)
		if err != nil || !again.Equal(date) {
			t.Errorf("%q: %v became %v, %v", s, date, again, err)
		}
	})
}

func FuzzFormatDate(f *testing.F) {
	f.Add(int64(0))
	f.Add(int64(253_402_300_799))
	f.Add(int64(-62_135_596_800))
	f.Fuzz(func(t *testing.T, unix int64) {
		const year9999, year0 = 253_402_300_799, -62_167_219_200
		if unix > year9999 || unix < year0 {
			return
		}
		date := time.Unix(unix, 0).UTC()
		formats := []string{rfc9110.FormatDate(date), date.Format(time.ANSIC)}
		for _, s := range formats {
			if got, err := rfc9110.ParseDate(s); err != nil || got.Unix() != unix {
				t.Errorf("ParseDate(%q) = %v, %v; want %d", s, got, err, unix)
			}
		}
		if got, err := rfc9110.ParseDateAt(date.Format("Monday, 02-Jan-06 15:04:05 GMT"), date); err != nil || got.Unix() != unix {
			t.Errorf("RFC 850 at its own time: %v, %v; want %d", got, err, unix)
		}
	})
}
