// The verbs, one file each, and what they share.
#pragma once

#include <string>

#include "cli/arguments.h"
#include "driver/feeds.h"
#include "driver/session.h"

namespace smeaton::cli {

Verb inspect_verb();
Verb run_verb();
Verb emit_verb();
Verb probe_verb();
Verb simulate_verb();
Verb schedule_verb();
Verb train_verb();
Verb study_verb();
Verb machine_verb();
Verb cache_verb();
Verb place_verb();
Verb search_verb();
Verb devices_verb();
Verb compare_verb();

/// --input, --inputs, --dim, --seed
void feed_options(Arguments&, driver::FeedRequest&);
/// --skip, --dump, --explain, --isa
void stage_options(Arguments&, driver::SessionOptions&);
/// --stop-after
void stop_option(Arguments&, driver::SessionOptions&);
/// --resume: go on from the dump of a stage.
void resume_option(Arguments&, driver::SessionOptions&);

/// --wide
void width_option(Arguments&, bool& wide);
/// Columns for tables: those of the terminal, else $COLUMNS, else 80; 0, for any number, where
/// wide.
size_t table_width(bool wide);

/// UserError naming the option where the text is no number.
double number_in(const std::string& text, const char* option);
/// "1,2,4": whole numbers from 1 on.
std::vector<int> counts_in(const std::string& text, const char* option);

/// Writes all of it to stdout. UserError when that fails.
void print_out(const std::string& text);
/// Names out of a file may hold anything: control characters but line ends become escapes.
std::string safe_lines(const std::string& message);
void print_warnings(const std::string& model, const std::vector<std::string>& warnings);

}  // namespace smeaton::cli
