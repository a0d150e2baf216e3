/* SPDX-License-Identifier: Apache-2.0 */
/* Countries and unions (region.h). Pure. */
#include <stdlib.h>
#include <string.h>

#include "policy/region.h"

/*
 * ISO 3166-1 alpha-2, the 249 codes that are officially assigned (ISO Online Browsing Platform, 2026), and the unions.
 * Exceptionally reserved codes such as UK and EU are none of countries; EU is a union here.
 */
static const char *const words[] = {
	"AD", "AE", "AF", "AG", "AI", "AL", "AM", "AO", "AQ", "AR", "AS", "AT", "AU", "AW",  "AX", "AZ", "BA",
	"BB", "BD", "BE", "BF", "BG", "BH", "BI", "BJ", "BL", "BM", "BN", "BO", "BQ", "BR",  "BS", "BT", "BV",
	"BW", "BY", "BZ", "CA", "CC", "CD", "CF", "CG", "CH", "CI", "CK", "CL", "CM", "CN",  "CO", "CR", "CU",
	"CV", "CW", "CX", "CY", "CZ", "DE", "DJ", "DK", "DM", "DO", "DZ", "EC", "EE", "EEA", "EG", "EH", "ER",
	"ES", "ET", "EU", "FI", "FJ", "FK", "FM", "FO", "FR", "GA", "GB", "GD", "GE", "GF",  "GG", "GH", "GI",
	"GL", "GM", "GN", "GP", "GQ", "GR", "GS", "GT", "GU", "GW", "GY", "HK", "HM", "HN",  "HR", "HT", "HU",
	"ID", "IE", "IL", "IM", "IN", "IO", "IQ", "IR", "IS", "IT", "JE", "JM", "JO", "JP",  "KE", "KG", "KH",
	"KI", "KM", "KN", "KP", "KR", "KW", "KY", "KZ", "LA", "LB", "LC", "LI", "LK", "LR",  "LS", "LT", "LU",
	"LV", "LY", "MA", "MC", "MD", "ME", "MF", "MG", "MH", "MK", "ML", "MM", "MN", "MO",  "MP", "MQ", "MR",
	"MS", "MT", "MU", "MV", "MW", "MX", "MY", "MZ", "NA", "NC", "NE", "NF", "NG", "NI",  "NL", "NO", "NP",
	"NR", "NU", "NZ", "OM", "PA", "PE", "PF", "PG", "PH", "PK", "PL", "PM", "PN", "PR",  "PS", "PT", "PW",
	"PY", "QA", "RE", "RO", "RS", "RU", "RW", "SA", "SB", "SC", "SD", "SE", "SG", "SH",  "SI", "SJ", "SK",
	"SL", "SM", "SN", "SO", "SR", "SS", "ST", "SV", "SX", "SY", "SZ", "TC", "TD", "TF",  "TG", "TH", "TJ",
	"TK", "TL", "TM", "TN", "TO", "TR", "TT", "TV", "TW", "TZ", "UA", "UG", "UM", "US",  "UY", "UZ", "VA",
	"VC", "VE", "VG", "VI", "VN", "VU", "WF", "WS", "YE", "YT", "ZA", "ZM", "ZW",
};

/*
 * Members of the European Union, by https://european-union.europa.eu/principles-countries-history/eu-countries_en: 27
 * since 1 February 2020. Their parts with a code of their own (AX, BL, GF, GP, MF, MQ, RE, YT; GL, FO, NC, PF …) are not
 * meant: name them where they are. The EEA has three more, by the agreement of 2 May 1992 as it stands.
 */
static const char european[] =
	"AT BE BG HR CY CZ DK EE FI FR DE GR HU IE IT LV LT LU MT NL PL PT RO SK SI ES SE";
static const char further[] = "IS LI NO";

const char *const *region_words(size_t *ret_n)
{
	*ret_n = sizeof(words) / sizeof(*words);
	return words;
}

static bool list_has(const char *list, const char country[2])
{
	for (; *list; list += list[2] ? 3 : 2)
		if (list[0] == country[0] && list[1] == country[1])
			return true;
	return false;
}

bool region_has(const char *word, const char country[2])
{
	if (strcmp(word, "EU") == 0)
		return list_has(european, country);
	if (strcmp(word, "EEA") == 0)
		return list_has(european, country) || list_has(further, country);
	return word[0] == country[0] && word[1] == country[1];
}

bool region_is_country(const char country[2])
{
	for (size_t i = 0; i < sizeof(words) / sizeof(*words); i++)
		if (strlen(words[i]) == 2 && strcmp(words[i], "EU") != 0 && words[i][0] == country[0] &&
		    words[i][1] == country[1])
			return true;
	return false;
}
