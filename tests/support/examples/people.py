"""Samples of the rules about users, logins, enrollments, admins and observers."""

from __future__ import annotations

from support.examples.files import COURSES, LONG, SECTIONS, USERS
from support.examples.structure import ACCOUNT, among
from support.samples import DIFFING, Example, header, row

from canvas_sis_sync.canvas.options import ImportOptions
from canvas_sis_sync.check.options import CheckOptions

USER = "user_id,login_id,status,integration_id,email,full_name,password,declared_user_type"
LOGIN = "user_id,login_id,existing_user_id,integration_id,password,email"
ENROLLMENT = "course_id,section_id,user_id,role,status,start_date,end_date"
ADMIN = "user_id,account_id,role,status"
OBSERVER = "observer_id,student_id,status"
OWN = CheckOptions(own_user_sis_id="u1")
COURSES_AND_SECTIONS = {"courses": COURSES, "sections": SECTIONS}

USER_RULES = {
    "user-nul-character": row("user_id,login_id,status,remark", "u,a,active,x\0y", "u,a,active,xy"),
    "user-id-blank": row(USER, ",a,active,,,,,", "u,a,active,,,,,"),
    "user-login-id-blank": row(USER, "u,,active,,,,,", "u,a,active,,,,,"),
    "user-status-blank": row(USER, "u,a,,,,,,", "u,a,active,,,,,"),
    "user-status-bad": row(USER, "u,a,inactive,,,,,", "u,a,Suspended,,,,,"),
    "user-deletes-importer": row(USER, "u1,a,deleted,,,,,", "u1,a,suspended,,,,,", OWN),
    "user-declared-type-bad": row(USER, "u,a,active,,,,,Teacher", "u,a,active,,,,,teacher"),
    "user-name-too-long": row(USER, f"u,a,active,,,{LONG},,", f"u,a,active,,,{LONG[1:]},,"),
    "user-login-id-invalid": row(USER, "u,a\u2028b,active,,,,,", "u,a\u200bb,active,,,,,"),
    "user-user-id-too-long": row(USER, f"{LONG},a,active,,,,,", f"{LONG[1:]},a,active,,,,,"),
    "user-integration-id-claimed": row(
        USER, "u,a,active,i,,,,\nv,b,active,i,,,,", "u,a,active,i,,,,\nv,b,deleted,i,,,,\nw,c,active,,,,,"
    ),
    "user-login-id-claimed": row(
        USER, "u,a,active,,,,,\nv,A,active,,,,,", "u,a,active,,,,,\nv,A,deleted,,,,,\nw,b,active,,,,,"
    ),
    "user-login-takeover": Example(
        {"users.csv": USERS + "u2,ann,active\n"},
        {"users.csv": USERS + "u2,ann,active\n"},
        CheckOptions(ImportOptions({"update_sis_id_if_login_claimed": "true"})),
        good_options=CheckOptions(),
    ),
    "user-password-refused": row(USER, "u,a,active,,,,short,", "u,a,active,,,,long-enough,"),
    "user-email-invalid": row(USER, "u,a,active,,Ann <a@b.example>,,,", "u,a,active,,a@b.example,,,"),
    "user-status-prefix": row(USER, "u,a,deleted-2026,,,,,", "u,a,DELETED,,,,,"),
    "user-auth-provider-unknown": row(
        "user_id,login_id,status,authentication_provider_id", "u,a,active,SAML2", "u,a,active,saml\nv,b,active,114"
    ),
    "user-provider-cleared": header(
        "user_id,login_id,status", "user_id,login_id,status,authentication_provider_id", "u,a,active,saml"
    ),
}

LOGINS = {
    "login-auth-provider-unknown": row(
        "user_id,login_id,existing_user_id,authentication_provider_id", "u,a,v,okta", "u,a,v,ldap\nw,b,v,"
    ),
    "login-user-id-blank": row(LOGIN, ",a,u,,,", "v,a,u,,,"),
    "login-login-id-blank": row(LOGIN, "v,,u,,,", "v,a,u,,,"),
    "login-existing-blank": row(LOGIN, "v,a,,,,", "v,a,u,,,"),
    "login-login-id-invalid": row(LOGIN, f"v,{LONG[:101]},u,,,", f"v,{LONG[:100]},u,,,"),
    "login-user-id-too-long": row(LOGIN, f"{LONG},a,u,,,", f"{LONG[1:]},a,u,,,"),
    "login-integration-id-claimed": row(LOGIN, "v,a,u,i,,\nw,b,u,i,,", "v,a,u,i,,\nw,b,u,j,,"),
    "login-already-exists": Example(
        among("logins", f"{LOGIN}\nu1,bob,u1,,,", users=USERS), among("logins", f"{LOGIN}\nu2,bob,u1,,,", users=USERS)
    ),
    "login-existing-not-found": Example(
        among("logins", f"{LOGIN}\nv,bob,u2,,,", users=USERS), among("logins", f"{LOGIN}\nv,bob,u1,,,", users=USERS)
    ),
    "login-password-refused": row(LOGIN, "v,a,u,,short,", "v,a,u,,,"),
    "login-email-invalid": row(LOGIN, "v,a,u,,,a@b.", "v,a,u,,,a@b"),
    "login-not-idempotent": Example({"logins.csv": f"{LOGIN}\nv,a,u,,,\n"}, {"users.csv": USERS}),
    "login-no-status": header(
        "user_id,login_id,existing_user_id,status", "user_id,login_id,existing_user_id,x", "v,a,u,deleted"
    ),
    "login-not-diffable": Example(
        {"l.csv": f"{LOGIN}\nv,a,u,,,\n"}, {"l.csv": f"{LOGIN}\nv,a,u,,,\n"}, DIFFING, good_options=CheckOptions()
    ),
    "login-nul": row(LOGIN, "v,a,u\0x,,,", "v,a,u\0,,,"),
}

ENROLLMENTS = {
    "enrollment-date-bad": row(ENROLLMENT, "c,s,u,ta,active,,1767225600", "c,s,u,ta,active,,2026-01-01"),
    "enrollment-context-blank": row(ENROLLMENT, ",,u,ta,active,,", ",s,u,ta,active,,"),
    "enrollment-user-blank": row(ENROLLMENT, "c,s,,ta,active,,", "c,s,u,ta,active,,"),
    "enrollment-status-bad": row(ENROLLMENT, "c,s,u,ta,,,", "c,s,u,ta,deleted_last_completed,,"),
    "enrollment-user-unknown": Example(
        among("enrollments", f"{ENROLLMENT}\nc,s,u2,ta,active,,", users=USERS),
        among("enrollments", f"{ENROLLMENT}\nc,s,u1,ta,active,,", users=USERS),
    ),
    "enrollment-course-and-section-unknown": Example(
        among("enrollments", f"{ENROLLMENT}\nc2,s2,u,ta,active,,", **COURSES_AND_SECTIONS),
        among("enrollments", f"{ENROLLMENT}\nc2,s1,u,ta,active,,", **COURSES_AND_SECTIONS),
    ),
    "enrollment-section-unknown": Example(
        among("enrollments", f"{ENROLLMENT}\nc1,s2,u,ta,active,,", **COURSES_AND_SECTIONS),
        among("enrollments", f"{ENROLLMENT}\nc1,,u,ta,active,,\nc2,s2,u,ta,active,,", **COURSES_AND_SECTIONS),
    ),
    "enrollment-course-unknown": Example(
        among("enrollments", f"{ENROLLMENT}\nc2,s1,u,ta,active,,", **COURSES_AND_SECTIONS),
        among("enrollments", f"{ENROLLMENT}\nc1,s1,u,ta,active,,", **COURSES_AND_SECTIONS),
    ),
    "enrollment-section-not-in-course": Example(
        among(
            "enrollments",
            f"{ENROLLMENT}\nc2,s1,u,ta,active,,",
            courses=COURSES + "c2,C,L,active\n",
            sections=SECTIONS,
        ),
        among(
            "enrollments",
            f"{ENROLLMENT}\nc2,s1,u,ta,active,,\nc2,,u,ta,active,,",
            courses=COURSES + "c2,C,L,active\n",
            sections=SECTIONS,
            xlists="xlist_course_id,section_id,status\nc2,s1,active\n",
        ),
    ),
    "enrollment-role-missing": row(ENROLLMENT, "c,s,u,,active,,", "c,s,u,ta,active,,"),
    "enrollment-role-unknown": row(
        ENROLLMENT,
        "c,s,u,Tutor,active,,",
        "c,s,u,Grader,active,,\nc,s,v,TEACHER,active,,\nc,s,w,TeacherEnrollment,active,,",
        CheckOptions(roles=frozenset({"Grader"})),
    ),
    "enrollment-associated-user-unknown": Example(
        among("enrollments", "course_id,user_id,role,status,associated_user_id\nc,u1,observer,active,u2", users=USERS),
        among("enrollments", "course_id,user_id,role,status,associated_user_id\nc,u1,student,active,u2", users=USERS),
    ),
    "enrollment-temporary-source-unknown": Example(
        among(
            "enrollments",
            "course_id,user_id,role,status,temporary_enrollment_source_user_id\nc,u1,ta,active,u2",
            users=USERS,
        ),
        among(
            "enrollments",
            "course_id,user_id,role,status,temporary_enrollment_source_user_id\nc,u1,ta,active,u1",
            users=USERS,
        ),
    ),
    "enrollment-observes-self": row(
        "course_id,user_id,role,status,associated_user_id,role_id,user_integration_id",
        "c,u,Observer,active,u,,",
        "c,u,observer,active,v,,\nd,u,observer,active,u,7,\ne,u,observer,active,u,,i\nf,u,ta,active,u,,",
    ),
    "enrollment-deleted-user": Example(
        among("enrollments", f"{ENROLLMENT}\nc,s,u1,ta,active,,", users=USERS.replace("active", "deleted")),
        among("enrollments", f"{ENROLLMENT}\nc,s,u1,ta,deleted,,", users=USERS.replace("active", "deleted")),
    ),
    "enrollment-both-deleted": Example(
        among("enrollments", f"{ENROLLMENT}\nc,s,u1,ta,deleted,,", users=USERS.replace("active", "deleted")),
        among("enrollments", f"{ENROLLMENT}\nc,s,u2,ta,deleted,,", users=USERS.replace("active", "deleted")),
    ),
    "enrollment-validation": Example(
        among("enrollments", f"{ENROLLMENT}\nc1,,u1,ta,active,,", courses=COURSES.replace("active", "deleted")),
        among("enrollments", f"{ENROLLMENT}\nc1,,u1,ta,deleted,,", courses=COURSES.replace("active", "deleted")),
    ),
    "enrollment-student-prefix": row(
        ENROLLMENT,
        "c,s,u,Student_worker,active,,",
        "c,s,u,student,active,,\nc,s,v,Student Helper,active,,\nc,s,w,StudentEnrollment,active,,",
        CheckOptions(roles=frozenset({"Student Helper"})),
    ),
    "enrollment-delete-wins": row(
        ENROLLMENT, "c,s,u,ta,deleted,,\nc,s,u,ta,active,,", "c,s,u,ta,completed,,\nc,s,u,ta,active,,"
    ),
    "enrollment-dates-cleared": row(ENROLLMENT, "c,s,u,ta,active,,", "c,s,u,ta,active,2026-08-01,2026-12-01"),
    "enrollment-root-account-dropped": row(
        "course_id,user_id,role,status,root_account", "c,u,ta,active,other.example.edu", "c,u,ta,active,"
    ),
}

ADMINS = {
    "admin-user-id-blank": row(ADMIN, ",a,AccountAdmin,active", "u,a,AccountAdmin,active"),
    "admin-status-blank": row(ADMIN, "u,a,AccountAdmin,", "u,a,AccountAdmin,active"),
    "admin-role-missing": row(ADMIN, "u,a,,active", "u,a,AccountAdmin,active"),
    "admin-status-bad": row(ADMIN, "u,a,AccountAdmin,active-x", "u,a,AccountAdmin,Deleted"),
    "admin-account-unknown": Example(
        among("admins", f"{ADMIN}\nu,b,AccountAdmin,active", accounts=f"{ACCOUNT}\na,,A,active,"),
        among("admins", f"{ADMIN}\nu,a,AccountAdmin,active", accounts=f"{ACCOUNT}\na,,A,active,"),
    ),
    "admin-user-unknown": Example(
        among("admins", f"{ADMIN}\nu1,a,AccountAdmin,active", users=USERS.replace("active", "deleted")),
        among("admins", f"{ADMIN}\nu1,a,AccountAdmin,active", users=USERS),
    ),
    "admin-root-account-unknown": row(
        f"{ADMIN},root_account", "u,a,AccountAdmin,active,x.example.edu", "u,a,AccountAdmin,active,"
    ),
    "admin-deletes-importer": row(ADMIN, "u1,,AccountAdmin,deleted", "u1,a,AccountAdmin,deleted", OWN),
    "admin-key-without-role": row(
        ADMIN, "u,a,AccountAdmin,active\nu,a,Helper,active", "u,a,AccountAdmin,active\nu,b,Helper,active", DIFFING
    ),
}

OBSERVERS = {
    "observer-id-blank": row(OBSERVER, ",s,active", "o,s,active"),
    "observer-student-id-blank": row(OBSERVER, "o,,active", "o,s,active"),
    "observer-self": row(OBSERVER, "o,o,active", "o,O,active"),
    "observer-status-bad": row(OBSERVER, "o,s,", "o,s,active"),
    "observer-unknown": Example(
        among("o", f"{OBSERVER}\nu2,u1,active", users=USERS),
        among("o", f"{OBSERVER}\nu1,u2,active", users=USERS),
    ),
    "observer-student-unknown": Example(
        among("o", f"{OBSERVER}\nu1,u2,active", users=USERS),
        among("o", f"{OBSERVER}\nu2,u1,active", users=USERS),
    ),
    "observer-delete-not-idempotent": row(OBSERVER, "o,s,Deleted", "o,s,active"),
}

PEOPLE = USER_RULES | LOGINS | ENROLLMENTS | ADMINS | OBSERVERS
