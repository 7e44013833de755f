#include "search/log.h"

#include <fmt/core.h>
#include <sqlite3.h>

#include <unordered_map>

#include "base/error.h"

namespace smeaton::search {

namespace {

struct CloseDatabase {
    void operator()(sqlite3* db) const { sqlite3_close(db); }
};
struct EndStatement {
    void operator()(sqlite3_stmt* s) const { sqlite3_finalize(s); }
};
using Database = std::unique_ptr<sqlite3, CloseDatabase>;
using Statement = std::unique_ptr<sqlite3_stmt, EndStatement>;

class Log : public Store {
public:
    Log(const std::string& path, const Space& space, const std::string& identity)
        : path_(path), space_(space) {
        sqlite3* opened = nullptr;
        const int code = sqlite3_open(path.c_str(), &opened);
        db_.reset(opened);
        require(code);
        // The lock is taken with the first transaction and held until the process ends, however it
        // ends.
        run("PRAGMA locking_mode = EXCLUSIVE");
        run("PRAGMA journal_mode = TRUNCATE");
        // Against a crash of the process, not of the machine: no waiting for the disk.
        run("PRAGMA synchronous = OFF");
        run("BEGIN IMMEDIATE");
        if (first("SELECT count(*) FROM sqlite_master") == "0")
            begin(identity);
        else
            require_same(identity);
        run("CREATE TABLE IF NOT EXISTS prices (part TEXT, priced_on TEXT, cycles REAL, "
            "PRIMARY KEY (part, priced_on)) WITHOUT ROWID");
        run("COMMIT");
        read();
        insert_ = prepare("INSERT INTO points VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)");
        insert_price_ = prepare("INSERT INTO prices VALUES (?1, ?2, ?3)");
    }

    const Evaluation* find(const Point& point) const override {
        const auto found = known_.find(name_of(space_, point));
        return found == known_.end() ? nullptr : &found->second;
    }

    void add(const Point& point, const Evaluation& e) override {
        if (!open_) run("BEGIN IMMEDIATE"), open_ = true;
        std::string cycles;
        for (double c : e.cycles) cycles += fmt::format("{}{}", cycles.empty() ? "" : " ", c);
        sqlite3_stmt* s = insert_.get();
        const std::string name = name_of(space_, point);
        sqlite3_reset(s);
        text(s, 1, name);
        for (size_t c = 0; c < e.criteria.size(); ++c)
            require(sqlite3_bind_double(s, static_cast<int>(2 + c), e.criteria[c]));
        text(s, 6, cycles);
        text(s, 7, e.refused);
        step(s);
        known_.emplace(name, e);
    }

    std::vector<Price> prices() const override {
        std::vector<Price> all;
        const Statement s = prepare("SELECT part, priced_on, cycles FROM prices");
        while (step(s.get()))
            all.push_back(
                {column(s.get(), 0), column(s.get(), 1), sqlite3_column_double(s.get(), 2)});
        return all;
    }

    void keep(const Price& price) override {
        if (!open_) run("BEGIN IMMEDIATE"), open_ = true;
        sqlite3_stmt* s = insert_price_.get();
        sqlite3_reset(s);
        text(s, 1, price.part), text(s, 2, price.on);
        require(sqlite3_bind_double(s, 3, price.cycles));
        step(s);
    }

    void commit() override {
        if (open_) run("COMMIT"), open_ = false;
    }

private:
    void begin(const std::string& identity) {
        run("CREATE TABLE search (about TEXT PRIMARY KEY, value TEXT)");
        run("CREATE TABLE points (point TEXT PRIMARY KEY, time REAL, energy_pj REAL, "
            "sram_bytes REAL, area_mm2 REAL, cycles TEXT, refused TEXT)");
        for (const char* what : {"UPDATE", "DELETE"})
            run(
                fmt::format("CREATE TRIGGER no_{0} BEFORE {0} ON points BEGIN SELECT "
                            "RAISE(ABORT, 'a log is only appended to'); END",
                            what));
        const Statement s = prepare("INSERT INTO search VALUES (?1, ?2)");
        for (const auto& [about, value] :
             {std::pair{std::string("space"), space_.text}, {"cost model", identity}}) {
            sqlite3_reset(s.get());
            text(s.get(), 1, about), text(s.get(), 2, value);
            step(s.get());
        }
    }

    void require_same(const std::string& identity) {
        if (first("SELECT count(*) FROM sqlite_master WHERE name IN ('search', 'points')") != "2")
            throw UserError("{}: a database, but no log of a search", path_);
        if (first("SELECT value FROM search WHERE about = 'space'") != space_.text)
            throw UserError(
                "{}: the log of another search: its space is not {}; give another "
                "--log FILE",
                path_, space_.file);
        if (first("SELECT value FROM search WHERE about = 'cost model'") != identity)
            throw UserError(
                "{}: the log of another search: of another model, base, batch or cost "
                "model; give another --log FILE",
                path_);
    }

    void read() {
        const Statement s = prepare("SELECT * FROM points");
        while (step(s.get())) {
            Evaluation e;
            for (size_t c = 0; c < e.criteria.size(); ++c)
                e.criteria[c] = sqlite3_column_double(s.get(), static_cast<int>(1 + c));
            const std::string cycles = column(s.get(), 5);
            for (size_t at = 0; at < cycles.size();) {
                size_t used = 0;
                e.cycles.push_back(std::stod(cycles.substr(at), &used));
                at += used + 1;
            }
            e.refused = column(s.get(), 6);
            known_.emplace(column(s.get(), 0), std::move(e));
        }
    }

    void require(int code) const {
        if (code == SQLITE_OK || code == SQLITE_ROW || code == SQLITE_DONE) return;
        if (code == SQLITE_BUSY || code == SQLITE_LOCKED)
            throw UserError("{}: another process is writing this log", path_);
        if (code == SQLITE_NOTADB)
            throw UserError("{}: not the log of a search, nor any database of SQLite's", path_);
        throw UserError("{}: {}", path_, sqlite3_errmsg(db_.get()));
    }
    void run(const std::string& sql) const {
        require(sqlite3_exec(db_.get(), sql.c_str(), nullptr, nullptr, nullptr));
    }
    Statement prepare(const char* sql) const {
        sqlite3_stmt* s = nullptr;
        require(sqlite3_prepare_v2(db_.get(), sql, -1, &s, nullptr));
        return Statement(s);
    }
    bool step(sqlite3_stmt* s) const {
        const int code = sqlite3_step(s);
        require(code);
        return code == SQLITE_ROW;
    }
    void text(sqlite3_stmt* s, int place, const std::string& value) const {
        require(sqlite3_bind_text(s, place, value.data(), static_cast<int>(value.size()),
                                  SQLITE_TRANSIENT));
    }
    static std::string column(sqlite3_stmt* s, int place) {
        const auto* found = reinterpret_cast<const char*>(sqlite3_column_text(s, place));
        return found ? found : "";
    }
    std::string first(const char* sql) const {
        const Statement s = prepare(sql);
        return step(s.get()) ? column(s.get(), 0) : "";
    }

    std::string path_;
    const Space& space_;
    Database db_;
    Statement insert_, insert_price_;
    bool open_ = false;
    std::unordered_map<std::string, Evaluation> known_;
};

}  // namespace

std::unique_ptr<Store> open_log(const std::string& path, const Space& space,
                                const std::string& identity) {
    return std::make_unique<Log>(path, space, identity);
}

}  // namespace smeaton::search
