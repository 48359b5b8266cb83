// Package fake makes test data for what scenarios send: ${fake.name()},
// ${fake.iban()}. The data comes from a source of random numbers that the caller
// seeds: the same seed gives the same data.
package fake

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/brianvoe/gofakeit/v7"

	"github.com/flowcheck/flowcheck/payload"
)

// Function makes one kind of data.
type Function struct {
	// Name as it stands behind "fake.".
	Name string
	// Params is the number of arguments that it takes.
	Params int
	// About says what it makes, for the docs.
	About string

	make func(f *gofakeit.Faker, args []payload.Value) (payload.Value, error)
}

// Call makes a value from what random gives next.
func (fn *Function) Call(random rand.Source, args []payload.Value) (payload.Value, error) {
	if random == nil {
		return payload.Value{}, errors.New("there is no source of test data here")
	}
	return fn.make(gofakeit.NewFaker(random, false), args)
}

// Functions are all there are, by name.
func Functions() []Function {
	all := slices.Concat(people(), places(), money(), numbers())
	slices.SortStableFunc(all, func(a, b Function) int { return strings.Compare(a.Name, b.Name) })
	return all
}

func people() []Function {
	return []Function{
		text("name", "a person's first and last name", (*gofakeit.Faker).Name),
		text("firstName", "a first name", (*gofakeit.Faker).FirstName),
		text("lastName", "a last name", (*gofakeit.Faker).LastName),
		text("email", "an address at example.com, example.net or example.org", email),
		text("phone", "a telephone number of ten digits", (*gofakeit.Faker).Phone),
		text("username", "a login name", (*gofakeit.Faker).Username),
		text("company", "a company's name", (*gofakeit.Faker).Company),
		text("job", "a job's title", (*gofakeit.Faker).JobTitle),
	}
}

func places() []Function {
	return []Function{
		text("street", "a street with a number", (*gofakeit.Faker).Street),
		text("city", "a city", (*gofakeit.Faker).City),
		text("zip", "a postal code", (*gofakeit.Faker).Zip),
		text("state", "a state's name", (*gofakeit.Faker).State),
		text("country", "a country's name", (*gofakeit.Faker).Country),
		text("countryCode", "a country's code of two letters", (*gofakeit.Faker).CountryAbr),
		text("ip", "an IPv4 address", (*gofakeit.Faker).IPv4Address),
	}
}

func money() []Function {
	return []Function{
		text("iban", "a German IBAN with a right checksum, of no bank's", iban),
		text("card", "a credit card's number with a right checksum", func(f *gofakeit.Faker) string { return f.CreditCardNumber(nil) }),
		text("currency", "a currency's code", (*gofakeit.Faker).CurrencyShort),
		{Name: "price", Params: 2, About: "an amount from the first to the second, with two decimals", make: price},
	}
}

func numbers() []Function {
	return []Function{
		text("uuid", "a UUID; unlike uuid() the seed's", (*gofakeit.Faker).UUID),
		text("word", "a word", (*gofakeit.Faker).Word),
		text("sentence", "a sentence", func(f *gofakeit.Faker) string { return f.Sentence(sentenceWords) }),
		{Name: "bool", About: "true or false", make: func(f *gofakeit.Faker, _ []payload.Value) (payload.Value, error) {
			return payload.OfBool(f.Bool()), nil
		}},
		{Name: "int", Params: 2, About: "a whole number from the first to the second, both included", make: integer},
		{Name: "digits", Params: 1, About: "so many digits, as text", make: digits},
		{Name: "oneOf", Params: 1, About: "an entry of the list", make: oneOf},
		{Name: "date", Params: 2, About: "a day from the first to the second, such as 2026-11-22", make: date},
	}
}

// Limits of what is made.
const (
	sentenceWords = 8
	maxDigits     = 1000
	maxPrice      = 1e12
)

func text(name, about string, value func(*gofakeit.Faker) string) Function {
	return Function{Name: name, About: about, make: func(f *gofakeit.Faker, _ []payload.Value) (payload.Value, error) {
		return payload.OfString(value(f)), nil
	}}
}

// email uses the domains that RFC 2606 keeps free: a mail that gets out reaches nobody.
func email(f *gofakeit.Faker) string {
	return strings.ToLower(f.Username()) + "@" + f.RandomString([]string{"example.com", "example.net", "example.org"})
}

// iban follows ISO 13616: the check digits make the number 1 modulo 97 when the
// country's letters, as 13 and 14, and they are moved to its end. No bank has a
// code that begins with 0.
func iban(f *gofakeit.Faker) string {
	account := "0" + f.DigitN(17)
	rest := 0
	for _, d := range account + "131400" {
		rest = (rest*10 + int(d-'0')) % 97
	}
	return fmt.Sprintf("DE%02d%s", 98-rest, account)
}

func price(f *gofakeit.Faker, args []payload.Value) (payload.Value, error) {
	low, lowErr := strconv.ParseFloat(payload.Plain(args[0]), 64)
	high, highErr := strconv.ParseFloat(payload.Plain(args[1]), 64)
	if lowErr != nil || highErr != nil || !(0 <= low && low <= high && high <= maxPrice) {
		return payload.Value{}, errors.New("it takes the lowest and the highest amount, from 0")
	}
	first, last := int64(math.Ceil(low*100)), int64(math.Floor(high*100))
	if last < first {
		return payload.Value{}, errors.New("there is no amount with two decimals between these")
	}
	cents := first + rand.New(f.Rand).Int64N(last-first+1)
	return payload.OfNumber(fmt.Sprintf("%d.%02d", cents/100, cents%100)), nil
}

func integer(f *gofakeit.Faker, args []payload.Value) (payload.Value, error) {
	low, high := args[0].Int(), args[1].Int()
	if args[0].Kind() != payload.Int || args[1].Kind() != payload.Int || low > high || high-low < 0 || high-low == math.MaxInt64 {
		return payload.Value{}, errors.New("it takes the lowest and the highest whole number")
	}
	return payload.OfInt(low + rand.New(f.Rand).Int64N(high-low+1)), nil
}

func digits(f *gofakeit.Faker, args []payload.Value) (payload.Value, error) {
	n := args[0].Int()
	if args[0].Kind() != payload.Int || n < 1 || n > maxDigits {
		return payload.Value{}, fmt.Errorf("it takes how many, 1 to %d", maxDigits)
	}
	return payload.OfString(f.DigitN(uint(n))), nil
}

func oneOf(f *gofakeit.Faker, args []payload.Value) (payload.Value, error) {
	items := args[0].List()
	if len(items) == 0 {
		return payload.Value{}, errors.New("it takes a list that is not empty")
	}
	return items[rand.New(f.Rand).IntN(len(items))], nil
}

func date(f *gofakeit.Faker, args []payload.Value) (payload.Value, error) {
	first, err := time.Parse(time.DateOnly, args[0].Text())
	last, lastErr := time.Parse(time.DateOnly, args[1].Text())
	if err != nil || lastErr != nil || last.Before(first) {
		return payload.Value{}, errors.New("it takes two days, such as \"2026-01-01\"")
	}
	days := int(last.Sub(first).Hours()/24) + 1
	return payload.OfString(first.AddDate(0, 0, rand.New(f.Rand).IntN(days)).Format(time.DateOnly)), nil
}
