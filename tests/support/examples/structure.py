"""Samples of the rules about changes of ids, accounts, terms, courses, sections and cross-listings."""

from __future__ import annotations

from support.examples.files import COURSES, LONG, SECTIONS, TERMS, USERS
from support.samples import DIFFING, Example, header, row

from canvas_sis_sync.check.options import CheckOptions

CHANGE = "old_id,new_id,old_integration_id,new_integration_id,type"
ACCOUNT = "account_id,parent_account_id,name,status,integration_id"
TERM = "term_id,name,status,integration_id,date_override_enrollment_type,start_date,end_date"
ABSTRACT = "abstract_course_id,short_name,long_name,status,term_id"
COURSE = "course_id,short_name,long_name,status,integration_id,start_date,end_date"
SECTION = "section_id,course_id,name,status,integration_id,start_date,end_date"
XLIST = "xlist_course_id,section_id,status"


def accounts(*rows: str) -> dict[str, str]:
    return {"accounts.csv": "\n".join([ACCOUNT, *rows])}


def among(name: str, text: str, **others: str) -> dict[str, str]:
    return {f"{each}.csv": content for each, content in {name: text, **others}.items()}


CHANGES = {
    "change-type-blank": row(CHANGE, "a,b,,,", "a,b,,,user"),
    "change-old-blank": row(CHANGE, ",b,,,user", ",b,i,,user"),
    "change-new-blank": row(CHANGE, "a,,,,user", "a,,,j,user"),
    "change-type-unknown": row(CHANGE, "a,b,,,users", "a,b,,,USER"),
    "change-group-category-integration": row(CHANGE, "a,b,i,,group_category", "a,b,,,group_category"),
    "change-new-id-taken": row(CHANGE, "a,b,,,user\nc,b,,,user", "a,b,,,user\nc,b,,,course"),
    "change-new-integration-id-taken": row(CHANGE, "a,,,i,user\nb,,,i,user", "a,,,i,user\nb,,,j,user"),
    "change-not-idempotent": Example({"c.csv": f"{CHANGE}\na,b,,,user\n"}, {"users.csv": USERS}),
    "change-runs-first": Example(
        {"c.csv": f"{CHANGE}\nu1,u2,,,user\n", "users.csv": USERS},
        {"c.csv": f"{CHANGE}\nu0,u1,,,user\n", "users.csv": USERS},
    ),
    "change-no-status": Example(
        {"c.csv": f"{CHANGE}\na,b,,,user\n"}, {"c.csv": f"{CHANGE}\na,b,,,user\n"}, DIFFING, good_options=CheckOptions()
    ),
}

ACCOUNTS = {
    "account-id-blank": row(ACCOUNT, ",,A,active,", "a,,A,active,"),
    "account-name-too-long": row(ACCOUNT, f"a,,{LONG},active,", f"a,,{LONG[1:]},active,"),
    "account-id-too-long": row(ACCOUNT, f"{LONG},,A,active,", f"{LONG[1:]},,A,active,"),
    "account-parent-unknown": Example(
        accounts("b,a,B,active,", "a,,A,active,"), accounts("a,,A,active,", "b,a,B,active,")
    ),
    "account-parent-deleted": Example(
        accounts("a,,A,deleted,", "b,a,B,active,"),
        accounts("b,a,B,deleted,", "a,,A,deleted,", "c,,C,active,", "d,c,D,active,"),
    ),
    "account-new-name-blank": row(ACCOUNT, "a,,,active,", "a,,A,active,"),
    "account-new-status-bad": row(ACCOUNT, "a,,A,closed,", "a,,A,active,"),
    "account-parent-loop": Example(
        accounts("a,,A,active,", "b,a,B,active,", "a,b,A,active,"),
        accounts("a,,A,active,", "b,a,B,active,", "c,b,C,active,"),
    ),
    "account-integration-id-duplicate": Example(
        accounts("a,,A,active,i", "b,,B,active,i"), accounts("a,,A,active,i", "b,,B,active,j", "c,,C,active,")
    ),
    "account-blank-parent-moves": row(ACCOUNT, "a,,A,active,", "a,root,A,active,"),
    "account-status-substring": row(ACCOUNT, "a,,A,inactive,", "a,,A,Active,"),
    "account-integration-id-cleared": row(ACCOUNT, "a,,A,active,", "a,,A,active,i"),
}

TERM_RULES = {
    "term-date-bad": row(TERM, "t,T,active,i,,2026-13-01,", "t,T,active,i,,2026-02-30,"),
    "term-id-blank": row(TERM, ",T,active,i,,,", "t,T,active,i,,,"),
    "term-status-bad": row(TERM, "t,T,,i,,,", "t,T,active-x,i,,,"),
    "term-override-type-bad": row(TERM, "t,T,active,i,student,,", "t,T,active,i,StudentEnrollment,,"),
    "term-name-blank": row(TERM, "t,,deleted,i,,,", "t,,active,i,TaEnrollment,,"),
    "term-too-long": row(TERM, f"t,T,active,{LONG},,,", f"t,T,active,{LONG[1:]},,,\nt,{LONG},active,,TaEnrollment,,"),
    "term-override-on-new-term": row(
        TERM, "t,,active,,TaEnrollment,,\nt,T,active,i,,,", "t,T,active,i,,,\nt,,active,,TaEnrollment,,"
    ),
    "term-integration-id-duplicate": row(
        TERM, "t,T,active,i,,,\nu,U,active,i,,,", "t,T,active,i,,,\nt,,active,i,TaEnrollment,,"
    ),
    "term-dates-cleared": row(
        TERM, "t,T,active,i,,2026-08-01,", "t,T,active,i,,2026-08-01,2026-12-01\nt,,active,,TaEnrollment,,"
    ),
    "term-integration-id-cleared": row(TERM, "t,T,active,,,,", "t,T,active,i,,,\nt,,active,,TaEnrollment,,"),
    "term-no-date-order-check": row(TERM, "t,T,active,i,,2026-12-01,2026-08-01", "t,T,active,i,,2026-08-01,2026-12-01"),
}

ABSTRACT_COURSES = {
    "abstract-course-id-blank": row(ABSTRACT, ",S,L,active,", "a,S,L,active,"),
    "abstract-short-name-blank": row(ABSTRACT, "a,,L,active,", "a,S,L,active,"),
    "abstract-long-name-blank": row(ABSTRACT, "a,S,,active,", "a,S,L,active,"),
    "abstract-status-bad": row(ABSTRACT, "a,S,L,published,", "a,S,L,deleted,"),
    "abstract-too-long": row(ABSTRACT, f"a,{LONG},L,active,", f"a,{LONG[1:]},L,active,"),
    "abstract-term-silent": Example(
        {"a.csv": f"{ABSTRACT}\na,S,L,active,t2\n", "t.csv": TERMS},
        {"a.csv": f"{ABSTRACT}\na,S,L,active,t1\n", "t.csv": TERMS},
    ),
    "abstract-not-diffable": Example(
        {"a.csv": f"{ABSTRACT}\na,S,L,active,\n"},
        {"a.csv": f"{ABSTRACT}\na,S,L,active,\n"},
        DIFFING,
        good_options=CheckOptions(),
    ),
}

COURSE_RULES = {
    "course-date-bad": row(COURSE, "c,S,L,active,i,12/31/2026,", "c,S,L,active,i,31/12/2026,"),
    "course-id-blank": row(COURSE, ",S,L,active,i,,", "c,S,L,active,i,,"),
    "course-short-name-blank": row(COURSE, "c,,L,active,i,,", "c,S,L,active,i,,"),
    "course-long-name-blank": header(
        "course_id,short_name,x,status", "course_id,short_name,abstract_course_id,status", "c,S,a,active"
    ),
    "course-status-bad": row(COURSE, "c,S,L,available,i,,", "c,S,L,Published,i,,"),
    "course-format-bad": row(
        "course_id,short_name,long_name,status,course_format", "c,S,L,active,remote", "c,S,L,active,Online"
    ),
    "course-passback-bad": row(
        "course_id,short_name,long_name,status,grade_passback_setting", "c,S,L,active,weekly", "c,S,L,active,disabled"
    ),
    "course-dates-reversed": row(
        COURSE, "c,S,L,active,i,2026-12-01,2026-08-01", "c,S,L,active,i,2026-08-01,2026-08-01"
    ),
    "course-too-long": row(COURSE, f"c,S,{LONG},active,i,,", f"c,S,{LONG[1:]},active,i,,"),
    "course-integration-id-too-long": row(COURSE, f"c,S,L,active,{LONG},,", f"c,S,L,active,{LONG[1:]},,"),
    "course-account-unknown": Example(
        among(
            "courses",
            "course_id,short_name,long_name,status,account_id\nc,S,L,active,b",
            accounts=f"{ACCOUNT}\na,,A,active,",
        ),
        among(
            "courses",
            "course_id,short_name,long_name,status,account_id,fallback_account_id\nc,S,L,active,b,a",
            accounts=f"{ACCOUNT}\na,,A,active,",
        ),
    ),
    "course-account-deleted": Example(
        among(
            "courses",
            "course_id,short_name,long_name,status,account_id\nc,S,L,active,a",
            accounts=f"{ACCOUNT}\na,,A,deleted,",
        ),
        among(
            "courses",
            "course_id,short_name,long_name,status,account_id\nc,S,L,active,a\nd,S,L,active,",
            accounts=f"{ACCOUNT}\na,,A,active,\nb,,B,deleted,",
        ),
    ),
    "course-integration-id-taken": row(
        COURSE, "c,S,L,active,i,,\nd,S,L,active,i,,", "c,S,L,active,i,,\nd,S,L,active,,,\ne,S,L,active,,,"
    ),
    "course-abstract-unknown": Example(
        among(
            "courses",
            "course_id,short_name,long_name,status,abstract_course_id\nc,S,L,active,b",
            a=f"{ABSTRACT}\na,S,L,active,",
        ),
        among(
            "courses",
            "course_id,short_name,long_name,status,abstract_course_id\nc,S,L,active,a",
            a=f"{ABSTRACT}\na,S,L,active,",
        ),
    ),
    "course-blueprint-unknown": row(
        "course_id,short_name,long_name,status,blueprint_course_id",
        "c,S,L,active,b",
        "c,S,L,active,d\nd,S,L,active,\ne,S,L,active,dissociate",
    ),
    "course-term-silent": Example(
        among("courses", "course_id,short_name,long_name,status,term_id\nc,S,L,active,t2", terms=TERMS),
        among("courses", "course_id,short_name,long_name,status,term_id\nc,S,L,active,t1", terms=TERMS),
    ),
    "course-status-prefix": row(COURSE, "c,S,L,active-2026,i,,", "c,S,L,ACTIVE,i,,"),
    "course-active-publishes-completed": row(COURSE, "c,S,L,active,i,,", "c,S,L,completed,i,,"),
    "course-active-never-unpublishes": row(COURSE, "c,S,L,unpublished,i,,", "c,S,L,published,i,,"),
    "course-integration-id-cleared": row(COURSE, "c,S,L,active,,,", "c,S,L,active,i,,"),
    "course-dates-blank": row(COURSE, "c,S,L,active,i,,", "c,S,L,active,i,<delete>,<delete>"),
}

SECTION_RULES = {
    "section-date-bad": row(SECTION, "s,c,N,active,i,2026,", "s,c,N,active,i,2026-01-01,"),
    "section-id-blank": row(SECTION, ",c,N,active,i,,", "s,c,N,active,i,,"),
    "section-course-id-blank": row(SECTION, "s,,N,deleted,i,,", "s,c,N,deleted,i,,"),
    "section-name-blank": row(SECTION, "s,c,,active,i,,", "s,c,,deleted,i,,"),
    "section-status-bad": row(SECTION, "s,c,N,completed,i,,", "s,c,N,active,i,,"),
    "section-dates-reversed": row(
        SECTION, "s,c,N,active,i,2026-12-01,2026-08-01", "s,c,N,active,i,2026-08-01,2026-12-01"
    ),
    "section-too-long": row(SECTION, f"s,c,{LONG},active,i,,", f"s,c,{LONG[1:]},active,i,,"),
    "section-integration-id-too-long": row(SECTION, f"s,c,N,active,{LONG},,", f"s,c,N,active,{LONG[1:]},,"),
    "section-course-unknown": Example(
        among("sections", SECTIONS.replace("c1", "c2"), courses=COURSES), among("sections", SECTIONS, courses=COURSES)
    ),
    "section-moves": row(
        SECTION,
        "s,c,N,active,,,\ns,d,N,active,,,",
        "s,c,N,active,,,\ns,c,M,active,,,\ns,d,N,deleted,,,\nt,d,N,active,,,",
    ),
    "section-integration-id-taken": row(
        SECTION, "s,c,N,active,i,,\nt,c,N,active,i,,", "s,c,N,active,i,,\nt,c,N,active,j,,"
    ),
    "section-dates-cleared": row(SECTION, "s,c,N,active,i,2026-08-01,", "s,c,N,active,i,2026-08-01,2026-12-01"),
    "section-integration-id-cleared": row(SECTION, "s,c,N,active,,,", "s,c,N,active,i,,"),
    "xlist-course-id-blank": row(XLIST, ",s,active", "c,s,active"),
    "xlist-section-id-blank": row(XLIST, "c,,active", "c,s,active"),
    "xlist-status-bad": row(XLIST, "c,s,active-x", "c,s,Deleted"),
    "xlist-section-unknown": Example(
        among("xlists", f"{XLIST}\nc1,s2,active", sections=SECTIONS),
        among("xlists", f"{XLIST}\nc1,s1,active", sections=SECTIONS),
    ),
    "xlist-creates-course": Example(
        among("xlists", f"{XLIST}\nc2,s1,active", courses=COURSES),
        among("xlists", f"{XLIST}\nc2,s1,deleted\nc1,s1,active", courses=COURSES),
    ),
}

STRUCTURE = CHANGES | ACCOUNTS | TERM_RULES | ABSTRACT_COURSES | COURSE_RULES | SECTION_RULES
