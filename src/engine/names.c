/* SPDX-License-Identifier: Apache-2.0 */
#include "engine/names.h"

#include <ctype.h>
#include <stdint.h>
#include <string.h>

#include "base/alloc.h"
#include "base/error.h"
#include "base/id.h"

static const char *const adjectives[] = { "able", "agile", "amber", "awake", "bold", "brave",
	"breezy", "bright", "brisk", "calm", "candid", "careful", "cheerful", "clear", "clever",
	"coastal", "cool", "cosy", "curious", "daring", "deep", "diligent", "eager", "early",
	"earnest", "easy", "elegant", "even", "fair", "faithful", "fearless", "fine", "firm",
	"fleet", "fond", "frank", "free", "fresh", "gallant", "gentle", "glad", "golden", "good",
	"graceful", "grand", "handy", "happy", "hardy", "hearty", "honest", "hopeful", "humble",
	"jolly", "jovial", "keen", "kind", "lively", "loving", "loyal", "lucid", "lucky", "mellow",
	"merry", "mighty", "modest", "neat", "nimble", "noble", "open", "patient", "peaceful",
	"placid", "polite", "proud", "prudent", "quick", "quiet", "rapid", "ready", "robust",
	"serene", "sharp", "silver", "sincere", "smart", "snug", "sober", "solid", "sound", "spry",
	"stately", "steady", "stoic", "sturdy", "sunny", "sure", "swift", "tender", "tidy",
	"trusty", "upbeat", "valiant", "vigilant", "vivid", "warm", "wise", "witty", "zealous" };

static const char *const surnames[] = { "amundsen", "anson", "baffin", "baker", "banks", "barents",
	"baret", "battuta", "beaufort", "beebe", "bering", "bligh", "bougainville", "bowditch",
	"brunel", "cabot", "cabral", "cartier", "champlain", "chichester", "colonna", "columbus",
	"cook", "cousteau", "dampier", "darwin", "davis", "dias", "drake", "ericson", "fitzroy",
	"flinders", "franklin", "frobisher", "gama", "gilbert", "halley", "harrison", "hawkins",
	"heyerdahl", "hudson", "humboldt", "ingstad", "jansz", "joyon", "kane", "knox", "lander",
	"laperouse", "lovell", "macarthur", "magellan", "mahan", "malaspina", "markham", "maury",
	"mclean", "mercator", "moitessier", "nansen", "nares", "nelson", "noonan", "park", "parry",
	"peary", "penn", "perry", "pinzon", "plimsoll", "polo", "quiros", "raleigh", "ross",
	"sacagawea", "scoresby", "scott", "shackleton", "slocum", "spencer", "sperry", "tabarly",
	"tasman", "torres", "vancouver", "vespucci", "villiers", "wallis", "weddell", "wilkes",
	"worsley", "zheng" };

char *name_make(int attempt)
{
	uint32_t random[3];
	const char *first, *last;

	random_bytes(random, sizeof(random));
	first = adjectives[random[0] % (sizeof(adjectives) / sizeof(*adjectives))];
	last = surnames[random[1] % (sizeof(surnames) / sizeof(*surnames))];
	if (attempt == 0)
		return xasprintf("%s_%s", first, last);
	return xasprintf("%s_%s%u", first, last, random[2] % 10U);
}

int name_is_valid(const char *name)
{
	if (!isalnum((unsigned char)name[0]) || !name[1])
		return 0;
	for (const char *c = name; *c; c++)
		if (!isalnum((unsigned char)*c) && !strchr("_.-", *c))
			return 0;
	return strlen(name) <= 255;
}

int name_check(const char *name, struct error **err)
{
	if (name_is_valid(name))
		return 0;
	error_new(err, ERROR_INVALID,
		"Invalid container name (%s), only [a-zA-Z0-9][a-zA-Z0-9_.-] are allowed", name);
	return error_hint(err, "use at least two letters, digits, '_', '.' or '-'");
}
