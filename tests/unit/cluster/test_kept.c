/* What retention writes into the control file comes back, and nothing else is taken for it. */
#include "cluster/control.h"
#include "tests/support/test.h"

#include <stdio.h>
#include <stdlib.h>

static struct control *control_of(segment_t first, epoch_t before, uint32_t pins)
{
    struct control *control = calloc(1, sizeof *control);

    control->lineage.bytes[0] = 1;
    control->first_segment = first;
    control->before_epoch = before;
    control->pin_count = pins;
    for (uint32_t i = 0; i < pins; i++) {
        snprintf(control->pins[i].member, sizeof control->pins[i].member, "replica-%u", i);
        control->pins[i].segment = first + i;
        control->pins[i].batch = 1000 + i;
    }
    return control;
}

static enum status again(const struct control *control, struct control *decoded)
{
    void *file = malloc(CONTROL_BYTES);
    const enum status status = control_decode(decoded, control_encode(control, file), NULL);

    free(file);
    return status;
}

TEST(mark_and_pins_come_back_as_they_were)
{
    struct control *control = control_of(7, 3, CONTROL_PINS_MAX);
    struct control *decoded = calloc(1, sizeof *decoded);

    EXPECT_STATUS(again(control, decoded), OK);
    EXPECT(decoded->first_segment == 7 && decoded->before_epoch == 3);
    EXPECT(decoded->pin_count == CONTROL_PINS_MAX);
    EXPECT(memcmp(decoded->pins, control->pins, sizeof control->pins) == 0);
    free(control);
    free(decoded);
}

TEST(a_mark_without_an_epoch_and_a_pin_without_a_name_are_refused)
{
    struct control *control = control_of(7, 0, 1);
    struct control *decoded = calloc(1, sizeof *decoded);

    EXPECT_STATUS(again(control, decoded), E_CHECKSUM); /* no copy is good */
    control->first_segment = 0;
    control->before_epoch = 3;
    EXPECT_STATUS(again(control, decoded), E_CHECKSUM);
    control->before_epoch = 0;
    EXPECT_STATUS(again(control, decoded), OK);
    control->pins[0].member[0] = '\0';
    EXPECT_STATUS(again(control, decoded), E_CHECKSUM);
    memset(control->pins[0].member, 'x', sizeof control->pins[0].member);
    EXPECT_STATUS(again(control, decoded), E_CHECKSUM); /* no end */
    control->pins[0].member[10] = '\0';
    EXPECT_STATUS(again(control, decoded), E_CHECKSUM); /* more behind it */
    free(control);
    free(decoded);
}
