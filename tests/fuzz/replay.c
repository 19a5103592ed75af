/* Runs a fuzz target over files, and over the files of folders: its kept inputs. Fails without any.
 */
#include <dirent.h>

#include "fuzz.h"

#define INPUT_MAX (1 << 20)

static int replay_file(const char *path)
{
    uint8_t *data = ob_calloc(1, INPUT_MAX);
    FILE *file = fopen(path, "re");
    size_t size = file ? fread(data, 1, INPUT_MAX, file) : 0;
    if (!file) {
        perror(path);
        free(data);
        return 0;
    }
    (void)fclose(file);
    /* Of just its size, so that every byte read past it is seen. */
    uint8_t *exact = ob_calloc(1, size);
    memcpy(exact, data, size);
    free(data);
    (void)LLVMFuzzerTestOneInput(exact, size);
    free(exact);
    return 1;
}

static int replay(const char *path)
{
    DIR *dir = opendir(path);
    int n = 0;
    if (!dir)
        return replay_file(path);
    for (const struct dirent *entry; (entry = readdir(dir));) {
        if (entry->d_name[0] == '.')
            continue;
        ob_cleanup(ob_freep) char *file = ob_strf("%s/%s", path, entry->d_name);
        n += replay_file(file);
    }
    (void)closedir(dir);
    return n;
}

int main(int argc, char **argv)
{
    int n = 0;
    for (int i = 1; i < argc; i++)
        n += replay(argv[i]);
    (void)printf("%d inputs\n", n);
    return n > 0 ? 0 : 1;
}
