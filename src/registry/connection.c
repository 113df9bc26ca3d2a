/* SPDX-License-Identifier: Apache-2.0 */
#include "registry/connection.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/clock.h"
#include "base/error.h"
#include "base/file.h"
#include "registry/certs.h"
#include "registry/exchange.h"

#define CONNECT_TIMEOUT_MS 30000
#define FIRST_BYTE_NS INT64_C(30000000000)
#define AFTER_BODY_NS INT64_C(600000000000)
#define SLOW_BYTES_PER_S 1024L
#define SLOW_S 60
#define SYSTEM_BUNDLE "/etc/ssl/certs/ca-certificates.crt"
#define BUNDLE_MAX (16UL * 1024 * 1024 - 1)

int64_t time_scaled(int64_t time)
{
	const char *text = getenv("VESSEL_TEST_TIMEOUT_SCALE");
	long percent = text ? strtol(text, NULL, 10) : 100;

	return percent >= 1 && percent < 100 ? time * percent / 100 : time;
}

/* ---- TLS ---- */

static void set_blob(CURL *easy, CURLoption option, const struct buf *from)
{
	struct curl_blob blob = { from->data, from->length, CURL_BLOB_COPY };

	if (from->length > 0)
		curl_easy_setopt(easy, option, &blob);
}

/* What libcurl would trust by itself; a list given to it stands instead of that. */
static int add_system(const struct repository *repository, struct certs *certs, struct error **err)
{
	const curl_version_info_data *info = curl_version_info(CURLVERSION_NOW);
	const char *path = repository->ca_file ? repository->ca_file
			   : info->cainfo      ? info->cainfo
					       : SYSTEM_BUNDLE;
	cleanup_free char *text = NULL;
	cleanup_error struct error *none = NULL;
	ssize_t length = file_read_at(AT_FDCWD, path, BUNDLE_MAX, &text, &none);

	/* A machine without any authority can still have the registry's own. */
	if (length < 0)
		return 0;
	buf_append(&certs->authorities, text, (size_t)length);
	return buf_check(&certs->authorities, "the list of authorities", err);
}

/*
 * The registry's own authorities count for its token service and where it redirects, too, which
 * are often beside it with the same authority. Its pair of certificate and key is for it alone.
 */
static int set_certificates(
	struct exchange *exchange, const struct origin *origin, struct error **err)
{
	const struct repository *repository = exchange->repository;
	bool is_home = origin_equal(origin, &repository->origin);
	cleanup_certs struct certs certs = CERTS_INIT;
	CURL *easy = exchange->easy;

	if (certs_add(&certs, origin, true, err) < 0 ||
		(!is_home && *repository->origin.host &&
			certs_add(&certs, &repository->origin, false, err) < 0))
		return -1;
	if (certs.authorities.length > 0) {
		if (add_system(repository, &certs, err) < 0)
			return -1;
		set_blob(easy, CURLOPT_CAINFO_BLOB, &certs.authorities);
	} else if (repository->ca_file) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, repository->ca_file);
	} else if (repository->ca_folder) {
		curl_easy_setopt(easy, CURLOPT_CAINFO, NULL);
		curl_easy_setopt(easy, CURLOPT_CAPATH, repository->ca_folder);
	}
	set_blob(easy, CURLOPT_SSLCERT_BLOB, &certs.certificate);
	set_blob(easy, CURLOPT_SSLKEY_BLOB, &certs.key);
	return 0;
}

static int set_tls(struct exchange *exchange, const struct origin *origin, struct error **err)
{
	const struct repository *repository = exchange->repository;
	CURL *easy = exchange->easy;

	if (!origin->https)
		return 0;
	curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	/* Declared insecure is a host; where that one redirects to is not. */
	if (repository->insecure && strcmp(origin->host, repository->origin.host) == 0) {
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 0L);
		curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 0L);
	}
	return set_certificates(exchange, origin, err);
}

static const char *local_time(char buf[static 64])
{
	time_t now = time(NULL);
	struct tm tm;

	if (!localtime_r(&now, &tm) || strftime(buf, 64, "%Y-%m-%d %H:%M:%S %Z", &tm) == 0)
		buf[0] = '\0';
	return buf;
}

/* Numbers of OpenSSL's X509_V_ERR_: they are part of its interface, and all that libcurl tells. */
static const struct {
	long code;
	const char *says;
	bool is_time;
} untrusted[] = {
	{ 9, "the certificate is not valid yet", true },
	{ 10, "the certificate has expired", true },
	{ 18, "the certificate is signed by itself and not by an authority that is known here",
		false },
	{ 19, "the certificate's authority is not known here", false },
	{ 20, "the certificate's authority is not known here", false },
	{ 21, "the certificate's authority is not known here", false },
	{ 23, "the certificate was revoked", false },
	{ 26, "the certificate is not meant for a server", false },
};

static int untrusted_error(
	const struct exchange *exchange, const struct origin *origin, struct error **err)
{
	char now[64];

	for (size_t i = 0; i < sizeof(untrusted) / sizeof(*untrusted); i++) {
		if (untrusted[i].code != exchange->verify_result)
			continue;
		if (untrusted[i].is_time) {
			error_new(err, ERROR_UNAVAILABLE, "%s: %s; here it is %s", exchange->shown,
				untrusted[i].says, local_time(now));
			return error_hint(err,
				"set this machine's clock, or have %s's certificate renewed",
				origin->host);
		}
		error_new(err, ERROR_UNAVAILABLE, "%s: %s", exchange->shown, untrusted[i].says);
		return error_hint(err,
			"if you trust it, put its authority's certificate into "
			"/etc/docker/certs.d/%s:%d/ca.crt, or name a file of authorities in "
			"SSL_CERT_FILE",
			origin->host, origin->port);
	}
	/* The chain is good, or was not looked at any more (1, unspecified). */
	if (exchange->verify_result <= 1) {
		error_new(err, ERROR_UNAVAILABLE, "%s: the certificate is not for the name %s",
			exchange->shown, origin->host);
		return error_hint(err, "use the name that the certificate was made for");
	}
	return error_new(err, ERROR_UNAVAILABLE,
		"%s: the certificate is not trusted (OpenSSL says %ld)", exchange->shown,
		exchange->verify_result);
}

/* ---- proxies ---- */

static const char *env(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

/*
 * libcurl reads the environment, but not HTTP_PROXY in upper case, which a web server sets from a
 * client's "Proxy:" header; we are no such server unless REQUEST_METHOD says so. What is on this
 * host is never reached through another.
 */
static void set_proxy(CURL *easy, const struct origin *origin)
{
	if (origin_is_loopback(origin))
		curl_easy_setopt(easy, CURLOPT_NOPROXY, "*");
	else if (!origin->https && !env("http_proxy") && env("HTTP_PROXY") &&
		 !env("REQUEST_METHOD"))
		curl_easy_setopt(easy, CURLOPT_PROXY, env("HTTP_PROXY"));
}

/* ---- time ---- */

/* libcurl has no limit of its own for how long an answer may be waited for. */
static int watch(
	void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total, curl_off_t up)
{
	struct exchange *exchange = arg;
	int64_t now = clock_monotonic_ns();

	(void)down_total;
	(void)up_total;
	if (down != exchange->moved_down || up != exchange->moved_up || exchange->answered) {
		exchange->moved_down = down;
		exchange->moved_up = up;
		exchange->moved_ns = now;
		return 0;
	}
	/* Who has got all of a layer may have to read it again before the answer. */
	return now - exchange->moved_ns >
	       time_scaled(up > 0 ? AFTER_BODY_NS
				  : FIRST_BYTE_NS + CONNECT_TIMEOUT_MS * INT64_C(1000000));
}

static void set_times(struct exchange *exchange)
{
	CURL *easy = exchange->easy;
	int64_t slow = time_scaled(SLOW_S);

	exchange->moved_ns = clock_monotonic_ns();
	exchange->moved_down = exchange->moved_up = 0;
	exchange->answered = false;
	curl_easy_setopt(easy, CURLOPT_NOPROGRESS, 0L);
	curl_easy_setopt(easy, CURLOPT_XFERINFOFUNCTION, watch);
	curl_easy_setopt(easy, CURLOPT_XFERINFODATA, exchange);
	curl_easy_setopt(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)time_scaled(CONNECT_TIMEOUT_MS));
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_LIMIT, SLOW_BYTES_PER_S);
	curl_easy_setopt(easy, CURLOPT_LOW_SPEED_TIME, (long)(slow > 0 ? slow : 1));
}

int connection_prepare(struct exchange *exchange, const struct origin *origin, struct error **err)
{
	CURL *easy = exchange->easy;

	curl_easy_setopt(easy, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(easy, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(easy, CURLOPT_NETRC, (long)CURL_NETRC_IGNORED);
#if LIBCURL_VERSION_NUM >= 0x075500
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, "http,https");
#else
	curl_easy_setopt(easy, CURLOPT_PROTOCOLS, (long)(CURLPROTO_HTTP | CURLPROTO_HTTPS));
#endif
	curl_easy_setopt(easy, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_2TLS);
	curl_easy_setopt(easy, CURLOPT_ERRORBUFFER, exchange->error_text);
	if (exchange->repository->share)
		curl_easy_setopt(easy, CURLOPT_SHARE, exchange->repository->share);
	exchange->error_text[0] = '\0';
	set_times(exchange);
	set_proxy(easy, origin);
	return set_tls(exchange, origin, err);
}

/* ---- errors ---- */

static const char *failure(struct exchange *exchange)
{
	if (!exchange->error_text[0])
		return curl_easy_strerror(exchange->code);
	/* It goes to a terminal, and the other side may have chosen some of it. */
	for (char *c = exchange->error_text; *c; c++)
		if ((unsigned char)*c < ' ' || (unsigned char)*c > '~')
			*c = '?';
	return exchange->error_text;
}

/* What to do about what a person can do something about. */
static void hint_broken(const struct exchange *exchange, struct error **err)
{
	switch (exchange->code) {
	case CURLE_COULDNT_RESOLVE_HOST:
		error_hint(err, "check the registry's name, and this machine's DNS");
		break;
	case CURLE_COULDNT_RESOLVE_PROXY:
		error_hint(err, "check HTTPS_PROXY and HTTP_PROXY");
		break;
	case CURLE_COULDNT_CONNECT:
		error_hint(err, "check that the registry runs, and its port");
		break;
	case CURLE_OPERATION_TIMEDOUT:
	case CURLE_ABORTED_BY_CALLBACK:
		error_hint(err, "check the network between, firewalls and proxies; then try again");
		break;
	case CURLE_SSL_CONNECT_ERROR:
		error_hint(err, "if it speaks plain http only, declare it insecure in "
				"/etc/containers/registries.conf");
		break;
	default:
		break;
	}
}

int connection_broken(struct exchange *exchange, struct error **err)
{
	struct origin origin;

	if (exchange->code == CURLE_PEER_FAILED_VERIFICATION) {
		if (origin_parse(exchange->url, &origin, NULL, err) < 0)
			return -1;
		return untrusted_error(exchange, &origin, err);
	}
	error_new(err, ERROR_UNAVAILABLE, "%s: %s", exchange->shown,
		exchange->code == CURLE_ABORTED_BY_CALLBACK ? "no answer came" : failure(exchange));
	hint_broken(exchange, err);
	return -1;
}
