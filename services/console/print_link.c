/* Makes the session itself: the console need not be asked, and knows nothing of links that are not
 * used. Whoever runs this can read the root key and the console's key. */
#include "print_link.h"

#include <stdio.h>
#include <string.h>

#include "api_client.h"
#include "ob/clock.h"

/* The file's two lines. */
static int read_root_key(const char *file, char **ret_text, api_signer *ret, ob_error *err)
{
    int r = ob_config_read_secret(file, ret_text, err);
    if (r < 0)
        return r;
    char *end = strchr(*ret_text, '\n');
    if (!end)
        return ob_fail(err, EINVAL, "%s must hold an access key id and a secret, a line each",
                       file);
    *end = '\0';
    ret->key_id = *ret_text;
    ret->secret = end + 1;
    return 0;
}

static int make_link(const console_config *config, const api_signer *root, ob_error *err)
{
    uint8_t key[SEALED_KEY];
    api_client *client = NULL;
    web_session s = { 0 };
    char *link = NULL;
    int r = *config->key_file ? sealed_key_read(config->key_file, key, err)
                              : ob_fail(err, EINVAL, "links need OPENBATCH_CONSOLE_KEY_FILE");
    if (r == 0)
        r = api_client_new(config->api, &client, err);
    if (r == 0)
        r = api_client_create_session(client, root, config->session_s, NULL, &s, err);
    if (r == 0)
        r = link_make(key, &s, ob_wall_ms(), &link, err);
    if (r == 0)
        (void)printf("%s\n", link);
    sealed_text_forget(link);
    web_session_done(&s);
    api_client_free(client);
    return r;
}

int print_link(const console_config *config, ob_error *err)
{
    char *text = NULL;
    api_signer root = { .region = config->region };
    int r = read_root_key(config->root_key_file, &text, &root, err);
    if (r == 0)
        r = make_link(config, &root, err);
    sealed_text_forget(text);
    return r;
}
