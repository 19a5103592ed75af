/* Reads names of images by the rules of Docker's references (distribution/reference). Names come
 * from jobs, so anything may stand in them; what is accepted has only letters, digits and
 * ". _ - : / @ [ ]", and does not begin with a dash. Owns nothing. Any thread. */
#include "image_name.h"

#include <ctype.h>
#include <string.h>

#include "ob/text.h"

#define HUB "docker.io"
#define NAME_MAX_LEN 255
#define TAG_MAX_LEN 128
#define ID_PREFIX "sha256:"
#define ID_DIGITS 64

static bool is_lower_hex(const char *at, size_t len)
{
    return strspn(at, "0123456789abcdef") >= len;
}

/* A part of a path: lower case, with single separators within. */
static bool is_path(const char *at, size_t len)
{
    bool separated = true; /* by something that only stands between letters and digits */
    for (size_t i = 0; i < len; i++) {
        bool is_word = islower((unsigned char)at[i]) || isdigit((unsigned char)at[i]);
        bool is_more = (at[i] == '_' || at[i] == '-') && i > 0 && at[i - 1] == at[i];
        if (!is_word && (!strchr("._-/", at[i]) || (separated && !is_more)))
            return false;
        separated = !is_word;
    }
    return len > 0 && !separated;
}

/* With a port or without. */
static bool is_host(const char *at, size_t len)
{
    const char *port = memrchr(at, ':', len), *bracket = memrchr(at, ']', len);
    size_t name = port && (!bracket || port > bracket) ? (size_t)(port - at) : len;
    for (size_t i = 0; i < len; i++)
        if (i > name ? !isdigit((unsigned char)at[i])
                     : !isalnum((unsigned char)at[i]) && !strchr(".-:[]", at[i]))
            return false;
    return name > 0 && name + 1 != len && (isalnum((unsigned char)at[0]) || at[0] == '[');
}

static bool is_tag(const char *at, size_t len)
{
    for (size_t i = 0; i < len; i++)
        if (!isalnum((unsigned char)at[i]) && at[i] != '_' && (i == 0 || !strchr(".-", at[i])))
            return false;
    return len > 0 && len <= TAG_MAX_LEN;
}

static bool is_digest(const char *at)
{
    return strncmp(at, ID_PREFIX, strlen(ID_PREFIX)) == 0 &&
           strlen(at) == strlen(ID_PREFIX) + ID_DIGITS &&
           is_lower_hex(at + strlen(ID_PREFIX), ID_DIGITS);
}

/* Does the text before the first slash name a registry? */
static bool names_host(const char *at, size_t len)
{
    if (len == strlen("localhost") && strncmp(at, "localhost", len) == 0)
        return true;
    for (size_t i = 0; i < len; i++)
        if (at[i] == '.' || at[i] == ':' || isupper((unsigned char)at[i]))
            return true;
    return false;
}

/* "path" and "host/path". NULL: neither. */
static char *with_host(const char *at, size_t len)
{
    const char *slash = memchr(at, '/', len);
    size_t host_len = slash ? (size_t)(slash - at) : 0;
    bool has_host = slash && names_host(at, host_len);
    const char *path = has_host ? slash + 1 : at;
    size_t path_len = len - (size_t)(path - at);
    if (!is_path(path, path_len) || (has_host && !is_host(at, host_len)))
        return NULL;
    ob_cleanup(ob_freep) char *host = has_host ? ob_text_dup(at, host_len) : ob_strdup(HUB);
    ob_cleanup(ob_freep) char *rest = ob_text_dup(path, path_len);
    bool is_hub = strcmp(host, HUB) == 0 || strcmp(host, "index.docker.io") == 0;
    bool is_official = is_hub && !strchr(rest, '/');
    return ob_strf("%s/%s%s", is_hub ? HUB : host, is_official ? "library/" : "", rest);
}

/* NULL: it is no name of an image. */
static char *complete(const char *name)
{
    size_t len = strlen(name);
    if (len == ID_DIGITS && is_lower_hex(name, len))
        return ob_strf(ID_PREFIX "%s", name);
    if (is_digest(name))
        return ob_strdup(name);
    const char *digest = strchr(name, '@');
    size_t named = digest ? (size_t)(digest - name) : len;
    const char *tag = memrchr(name, ':', named);
    if (tag && memchr(tag, '/', named - (size_t)(tag - name)))
        tag = NULL; /* the port of a registry */
    size_t repository = tag ? (size_t)(tag - name) : named;
    if (repository > NAME_MAX_LEN || (digest && !is_digest(digest + 1)) ||
        (tag && !is_tag(tag + 1, named - repository - 1)))
        return NULL;
    ob_cleanup(ob_freep) char *whole = with_host(name, repository);
    if (!whole)
        return NULL;
    if (digest)
        return ob_strf("%s%s", whole, digest);
    ob_cleanup(ob_freep) char *tag_text =
        tag ? ob_text_dup(tag + 1, named - repository - 1) : ob_strdup("latest");
    return ob_strf("%s:%s", whole, tag_text);
}

int image_name_parse(const char *name, char **ret, ob_error *err)
{
    char *full = complete(name);
    if (!full)
        return ob_fail(err, EINVAL, "invalid reference format: %s is not a name of an image",
                       ob_cut(name, NAME_MAX_LEN));
    *ret = full;
    return 0;
}

bool image_name_is_id(const char *full)
{
    return strncmp(full, ID_PREFIX, strlen(ID_PREFIX)) == 0;
}

bool image_name_is_local(const char *full)
{
    size_t len = strcspn(full, "/");
    return strncmp(full, "127.", 4) == 0 || strncmp(full, "[::1]", 5) == 0 ||
           (strncmp(full, "localhost", 9) == 0 && (len == 9 || full[9] == ':'));
}
