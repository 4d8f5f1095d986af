/* Which regions there are, and how far they lie apart. */
#include "sim/sim_net.h"

#include "base/check.h"
#include "sim/sim.h"

/* Mean round trips in microseconds; docs: region-rtt-ms.csv, published measurements of 2017. */
static const uint32_t rtt_us[SIM_REGIONS][SIM_REGIONS] = {
    {600, 72740, 86980, 80550, 88660, 145300, 178400, 216700, 230000},
    {71630, 600, 19460, 153200, 166600, 102500, 131500, 174000, 157500},
    {88680, 19200, 600, 137000, 159500, 89100, 118300, 161400, 162200},
    {80520, 153200, 137000, 600, 19560, 212400, 242400, 239000, 309600},
    {88620, 166600, 159500, 19550, 600, 236500, 266200, 325900, 323500},
    {145300, 102500, 89160, 212400, 236600, 600, 31440, 73790, 103900},
    {176600, 132600, 118200, 242400, 265300, 31320, 600, 71870, 134000},
    {216700, 173900, 161400, 238100, 325900, 73810, 71290, 600, 175300},
    {229700, 157800, 161900, 309600, 323200, 103900, 134000, 175400, 600},
};

static const char *const region_names[SIM_REGIONS] = {
    "us-east-1",      "us-west-1",      "us-west-2",      "eu-west-1",     "eu-central-1",
    "ap-northeast-1", "ap-northeast-2", "ap-southeast-1", "ap-southeast-2"};

const char *sim_region_name(unsigned region)
{
    CHECK(region < SIM_REGIONS);
    return region_names[region];
}

unsigned sim_region_number(const char *name)
{
    unsigned region = 0;

    while (region < SIM_REGIONS && strcmp(region_names[region], name) != 0) {
        region++;
    }
    return region;
}

uint64_t sim_region_delay_ns(unsigned from, unsigned to)
{
    return (uint64_t)rtt_us[from][to] * 500;
}
