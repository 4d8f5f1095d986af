/* utime and stime of /proc/PID/stat, VmHWM of /proc/PID/status, the first line of /proc/stat. */
#include "bench/usage.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

static double cpu_of(pid_t pid)
{
    char path[64], text[1024];
    unsigned long user, system;

    snprintf(path, sizeof path, "/proc/%d/stat", (int)pid);
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        return 0;
    }
    const size_t size = fread(text, 1, sizeof text - 1, file);

    fclose(file);
    text[size] = '\0';

    const char *name_end = strrchr(text, ')'); /* the name may hold anything, spaces too */

    if (name_end == NULL
        || sscanf(name_end + 1, " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu", &user,
                  &system)
               != 2) {
        return 0;
    }
    return (double)(user + system) / (double)sysconf(_SC_CLK_TCK);
}

static double peak_of(pid_t pid)
{
    char path[64], line[256];
    unsigned long kib = 0;

    snprintf(path, sizeof path, "/proc/%d/status", (int)pid);
    FILE *file = fopen(path, "r");

    if (file == NULL) {
        return 0;
    }
    while (fgets(line, sizeof line, file) != NULL && sscanf(line, "VmHWM: %lu", &kib) != 1) {
    }
    fclose(file);
    return (double)kib / 1024;
}

struct usage usage_of(pid_t pid)
{
    return (struct usage){.cpu_s = cpu_of(pid), .peak_mib = peak_of(pid)};
}

double usage_of_machine(void)
{
    unsigned long user, nice, system, irq, softirq, steal;
    FILE *file = fopen("/proc/stat", "r");
    int count;

    if (file == NULL) {
        return 0;
    }
    count = fscanf(file, "cpu %lu %lu %lu %*u %*u %lu %lu %lu", &user, &nice, &system, &irq,
                   &softirq, &steal);
    fclose(file);
    if (count != 6) {
        return 0;
    }
    return (double)(user + nice + system + irq + softirq + steal) / (double)sysconf(_SC_CLK_TCK);
}

double usage_of_others(double machine_s, double ours_s, double took_s)
{
    /* Both sides count in steps of 10 ms: a difference below zero is nothing. */
    return machine_s <= ours_s
               ? 0
               : (machine_s - ours_s) / took_s / (double)sysconf(_SC_NPROCESSORS_ONLN);
}
