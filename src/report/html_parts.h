// What the sections of the report are made of. Included by .cpp files of this folder only.
#pragma once

#include <string>
#include <vector>

#include "driver/study/study.h"

namespace smeaton::report {

// A figure of the result: <data value="RAW">TEXT</data>. RAW is the number as the JSON has it, so
// that tables sort by it and a test finds it there.
std::string figure(double raw, const std::string& text);
std::string time_us_figure(double us);
std::string time_ms_figure(double ms);
std::string bytes_figure(double bytes);
std::string count_figure(double count);   ///< "4.1 G"
std::string whole_figure(int64_t count);  ///< "41"
std::string number_figure(double value);  ///< three significant digits
std::string percent_figure(double share);
std::string signed_percent_figure(double share);

/// A word of the result (a name, a shape) as it stands in the JSON.
std::string word(const std::string& text);
/// A bar of this part of its full length.
std::string bar(double share, const std::string& cls = "fill");
/// A coloured mark and the name of what bounds a kernel.
std::string bound_mark(const std::string& bound);

// An HTML table; heads that start with '>' are numbers. Cells are HTML.
class Rows {
public:
    explicit Rows(const std::vector<std::string>& heads, bool sortable = true);
    void row(const std::vector<std::string>& cells);
    /// The same with a line below that goes with it.
    void row(const std::vector<std::string>& cells, const std::string& below);
    std::string str() const;

private:
    std::string head_, body_;
    std::vector<bool> right_;
    bool sortable_, pairs_ = false;
};

/// A part of the page under its own heading; left out where `html` is empty.
struct Section {
    std::string id, title, html;
};

struct PageHead {
    std::string kind;        ///< "Smeaton study"
    std::string title;       ///< the model's name
    std::string above;       ///< HTML between the heading and the links to the sections
    std::string style = {};  ///< behind that of all pages
};
/// The whole page; sections without HTML are left out.
std::string page(const PageHead&, const std::vector<Section>&);

/// Rows per core on one axis of time: as planned and, where it is not null, as it went.
std::string gantt_chart(const schedule::TaskGraph&, const schedule::Cores&,
                        const driver::Timeline& planned, const driver::Timeline* measured);

Section operators_section(const driver::StudyResult&);
Section layers_section(const driver::StudyResult&);
Section shapes_section(const driver::StudyResult&);
Section parallel_section(const driver::StudyResult&);
Section timeline_section(const driver::StudyResult&);
Section roofline_section(const driver::StudyResult&);
Section kernels_section(const driver::StudyResult&);
Section traffic_section(const driver::StudyResult&);
Section what_if_section(const driver::StudyResult&);
Section machines_section(const driver::StudyResult&);
Section times_section(const driver::StudyResult&);
Section memory_section(const driver::StudyResult&);
Section picture_section(const driver::StudyResult&);
Section model_section(const driver::StudyResult&);

}  // namespace smeaton::report
