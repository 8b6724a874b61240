"""Samples of the rules about groups, grade results and tags."""

from __future__ import annotations

from support.examples.files import COURSES, LONG, USERS
from support.examples.structure import ACCOUNT, among
from support.samples import DIFFING, Example, row

from canvas_sis_sync.check.options import CheckOptions

CATEGORY = "group_category_id,account_id,course_id,category_name,status"
GROUP = "group_id,group_category_id,account_id,course_id,name,status"
MEMBERSHIP = "group_id,user_id,status"
GRADES = "enrollment_id,grade_publishing_status"
TAG_SET = "tag_set_id,course_id,set_name,status"
TAG = "tag_id,tag_set_id,course_id,name,status"
TAG_MEMBER = "tag_id,user_id,status"
INST_CATEGORY = "category_id,name,description,status"
INST_TAG = "institutional_tag_id,category_id,name,description,status"
INST_ASSOCIATION = "institutional_tag_id,user_id,status"
ONE_ACCOUNT = {"accounts": f"{ACCOUNT}\na,,A,active,"}


def refers(header: str, bad: str, good: str, **others: str) -> Example:
    return Example(among("sample", f"{header}\n{bad}\n", **others), among("sample", f"{header}\n{good}\n", **others))


GROUPS = {
    "group-category-id-blank": row(CATEGORY, ",,,N,active", "k,,,N,active"),
    "group-category-name-blank": row(CATEGORY, "k,,,,deleted", "k,,,N,deleted"),
    "group-category-status-blank": row(CATEGORY, "k,,,N,", "k,,,N,active"),
    "group-category-status-bad": row(CATEGORY, "k,,,N,available", "k,,,N,active"),
    "group-category-two-contexts": row(CATEGORY, "k,a,c,N,active", "k,a,,N,active"),
    "group-category-name-too-long": row(CATEGORY, f"k,,,{LONG},active", f"k,,,{LONG[1:]},active"),
    "group-category-id-too-long": row(CATEGORY, f"{LONG},,,N,active", f"{LONG[1:]},,,N,active"),
    "group-category-account-unknown": refers(CATEGORY, "k,b,,N,active", "k,a,,N,active", **ONE_ACCOUNT),
    "group-category-course-unknown": refers(CATEGORY, "k,,c2,N,active", "k,,c1,N,active", courses=COURSES),
    "group-category-name-taken": row(CATEGORY, "k,,c,N,active\nl,,c,N,active", "k,,c,N,active\nl,,d,N,active"),
    "group-category-not-diffable": Example(
        {"g.csv": f"{CATEGORY}\nk,,,N,active\n"},
        {"g.csv": f"{CATEGORY}\nk,,,N,active\n"},
        DIFFING,
        good_options=CheckOptions(),
    ),
    "group-id-blank": row(GROUP, ",,,,N,available", "g,,,,N,available"),
    "group-name-blank": row(GROUP, "g,,,,,deleted", "g,,,,N,deleted"),
    "group-status-bad": row(GROUP, "g,,,,N,active", "g,,,,N,Closed"),
    "group-two-contexts": row(GROUP, "g,,a,c,N,available", "g,,,c,N,available"),
    "group-name-too-long": row(GROUP, f"g,,,,{LONG},available", f"g,,,,{LONG[1:]},available"),
    "group-id-too-long": row(GROUP, f"{LONG},,,,N,available", f"{LONG[1:]},,,,N,available"),
    "group-account-unknown": refers(GROUP, "g,,b,,N,available", "g,,a,,N,available", **ONE_ACCOUNT),
    "group-course-unknown": refers(GROUP, "g,,,c2,N,available", "g,,,c1,N,available", courses=COURSES),
    "group-category-unknown": refers(
        GROUP, "g,l,,,N,available", "g,k,,,N,available", categories=f"{CATEGORY}\nk,,,N,active\n"
    ),
    "group-deleted-case": row(GROUP, "g,,,,N,Deleted", "g,,,,N,deleted"),
    "membership-group-id-blank": row(MEMBERSHIP, ",u,accepted", "g,u,accepted"),
    "membership-user-id-blank": row(MEMBERSHIP, "g,,accepted", "g,u,accepted"),
    "membership-status-bad": row(MEMBERSHIP, "g,u,", "g,u,accepted"),
    "membership-user-unknown": refers(MEMBERSHIP, "g,u2,accepted", "g,u1,accepted", users=USERS),
    "membership-group-unknown": refers(
        MEMBERSHIP, "h,u,accepted", "g,u,accepted", groups=f"{GROUP}\ng,,,,N,available\n"
    ),
    "membership-active-refused": row(MEMBERSHIP, "g,u,Active", "g,u,accepted"),
    "grade-result-enrollment-blank": row(GRADES, ",published", "1,published"),
    "grade-result-status-blank": row(GRADES, "1,", "1,published"),
    "grade-result-status-bad": row(GRADES, "1,published!", "1,Error"),
    "grade-result-not-diffable": Example(
        {"g.csv": f"{GRADES}\n1,error\n"}, {"g.csv": f"{GRADES}\n1,error\n"}, DIFFING, good_options=CheckOptions()
    ),
}

TAGS = {
    "tag-set-id-blank": row(TAG_SET, ",c,N,active", "t,c,N,active"),
    "tag-set-name-blank": row(TAG_SET, "t,c,,active", "t,c,N,active"),
    "tag-set-status-blank": row(TAG_SET, "t,c,N,", "t,c,N,active"),
    "tag-set-status-bad": row(TAG_SET, "t,c,N,closed", "t,c,N,Deleted"),
    "tag-set-course-blank": row(TAG_SET, "t,,N,active", "t,c,N,active"),
    "tag-set-course-unknown": refers(TAG_SET, "t,c2,N,active", "t,c1,N,active", courses=COURSES),
    "tag-id-blank": row(TAG, ",t,,N,available", "x,t,,N,available"),
    "tag-name-blank": row(TAG, "x,t,,,available", "x,t,,N,available"),
    "tag-status-bad": row(TAG, "x,t,,N,active", "x,t,,N,completed"),
    "tag-course-unknown": refers(TAG, "x,,c2,N,available", "x,,c1,N,available", courses=COURSES),
    "tag-set-unknown": refers(TAG, "x,u,,N,available", "x,t,,N,available", sets=f"{TAG_SET}\nt,c,N,active\n"),
    "tag-context-missing": row(TAG, "x,,,N,available", "x,t,,N,available"),
    "tag-deleted-case": row(TAG, "x,t,,N,DELETED", "x,t,,N,deleted"),
    "tag-member-tag-id-blank": row(TAG_MEMBER, ",u,accepted", "x,u,accepted"),
    "tag-member-user-id-blank": row(TAG_MEMBER, "x,,accepted", "x,u,accepted"),
    "tag-member-status-bad": row(TAG_MEMBER, "x,u,active", "x,u,Accepted"),
    "tag-member-user-unknown": refers(TAG_MEMBER, "x,u2,accepted", "x,u1,accepted", users=USERS),
    "tag-member-tag-unknown": refers(TAG_MEMBER, "y,u,accepted", "x,u,accepted", tags=f"{TAG}\nx,t,,N,available\n"),
    "inst-category-id-blank": row(INST_CATEGORY, ",N,D,active", "k,N,D,active"),
    "inst-category-name-blank": row(INST_CATEGORY, "k,,D,active", "k,N,,active"),
    "inst-category-status-blank": row(INST_CATEGORY, "k,N,D,", "k,N,D,active"),
    "inst-category-status-bad": row(INST_CATEGORY, "k,N,D,on", "k,N,D,deleted"),
    "inst-tag-id-blank": row(INST_TAG, ",k,N,D,active", "x,k,N,D,active"),
    "inst-tag-category-blank": row(INST_TAG, "x,,N,D,active", "x,k,N,D,active"),
    "inst-tag-name-blank": row(INST_TAG, "x,k,,D,active", "x,k,N,D,active"),
    "inst-tag-description-blank": row(INST_TAG, "x,k,N,,active", "x,k,N,D,active"),
    "inst-tag-status-blank": row(INST_TAG, "x,k,N,D,", "x,k,N,D,active"),
    "inst-tag-status-bad": row(INST_TAG, "x,k,N,D,on", "x,k,N,D,active"),
    "inst-tag-category-unknown": refers(
        INST_TAG, "x,l,N,D,active", "x,k,N,D,active", categories=f"{INST_CATEGORY}\nk,N,D,active\n"
    ),
    "inst-association-tag-blank": row(INST_ASSOCIATION, ",u,active", "x,u,active"),
    "inst-association-user-blank": row(INST_ASSOCIATION, "x,,active", "x,u,active"),
    "inst-association-status-blank": row(INST_ASSOCIATION, "x,u,", "x,u,active"),
    "inst-association-status-bad": row(INST_ASSOCIATION, "x,u,on", "x,u,active"),
    "inst-association-user-unknown": refers(INST_ASSOCIATION, "x,u2,active", "x,u1,active", users=USERS),
    "inst-association-tag-unknown": refers(
        INST_ASSOCIATION, "y,u,active", "x,u,active", tags=f"{INST_TAG}\nx,k,N,D,active\n"
    ),
}
