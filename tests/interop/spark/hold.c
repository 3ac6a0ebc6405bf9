/* Makes a process's rename(2) to one chosen name take as long as a test likes: to be loaded with LD_PRELOAD.
 *
 * Where the file $LAKEBED_HOLD/target names a path, a rename to that path makes $LAKEBED_HOLD/held and goes on once
 * `target` is gone, or after two minutes. Any other rename goes on at once. Nothing else of the process changes.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { POLL_MICROSECONDS = 2000, MOST_POLLS = 60000 };

static int is_held(const char *target, const char *to) {
    char chosen[PATH_MAX];
    int file = open(target, O_RDONLY);
    if (file < 0) return 0;
    ssize_t length = read(file, chosen, sizeof chosen - 1);
    close(file);
    if (length <= 0) return 0;
    chosen[length] = 0;
    return strcmp(chosen, to) == 0;
}

int rename(const char *from, const char *to) {
    int (*really)(const char *, const char *) = (int (*)(const char *, const char *))dlsym(RTLD_NEXT, "rename");
    const char *folder = getenv("LAKEBED_HOLD");
    if (folder != NULL) {
        char target[PATH_MAX], held[PATH_MAX];
        snprintf(target, sizeof target, "%s/target", folder);
        snprintf(held, sizeof held, "%s/held", folder);
        if (is_held(target, to)) {
            int mark = open(held, O_WRONLY | O_CREAT, 0600);
            if (mark >= 0) close(mark);
            for (int poll = 0; poll < MOST_POLLS && access(target, F_OK) == 0; poll++) usleep(POLL_MICROSECONDS);
        }
    }
    return really(from, to);
}
