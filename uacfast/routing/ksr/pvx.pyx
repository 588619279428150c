"""KSR.pvx: the stores of variables by plain names (kemi-python.md §3.10).

Where KSR.pv takes "$avp(x)", these take "x"; a result of 1 is yes, -1 is no. What the stores are is routing/pv.
"""
import logging

from uacfast.routing.context cimport KsrModule, MessageContext
from uacfast.routing.pv.catalogue cimport pseudo_variable, text_template
from uacfast.routing.pv.lists import elements_of
from uacfast.routing.pv.records cimport (
    RECORDS_XAVI, RECORDS_XAVP, RECORDS_XAVU, RecordKind, RecordPath, read_record, records_of, remove_record,
    write_record,
)
from uacfast.routing.pv.reports import report
from uacfast.routing.pv.sbranch cimport append_static_branch, reset_static_branch, take_static_branch
from uacfast.routing.pv.stores import avp_name
from uacfast.routing.pv.variable cimport PseudoVariable


logger = logging.getLogger("uacfast.script")


cdef object number(object value):
    """An int as functions of the kind ..._seti() take it; TypeError for anything else."""
    if not isinstance(value, int):
        raise TypeError(f"A number is expected, not {type(value).__name__}.")
    return int(value)


cdef object shown_empty(object value):
    return "" if value is None else value


cdef object shown_null(object value):
    return "<null>" if value is None else value


cdef RecordPath path(RecordKind kind, str root, str field=None):
    """None, and a line in the log, when the names cannot be those of a record."""
    try:
        return RecordPath(root if field is None else f"{root}=>{field}", kind == RECORDS_XAVI)
    except ValueError as error:
        report("%s", error)
        return None


cdef class PvxModule(KsrModule):

    # --- $var, $shv, $avp ----------------------------------------------------------------------------------------

    def var_get(self, str name not None):
        """$var(name): 0 when it is unset."""
        return self.runtime.variables.get(name, 0)

    def var_sets(self, str name not None, str value not None):
        self.runtime.variables[name] = value
        return 1

    def var_seti(self, str name not None, value):
        self.runtime.variables[name] = number(value)
        return 1

    def shv_get(self, str name not None):
        """$shv(name): 0 when it is unset."""
        return self.runtime.shared.get(name, 0)

    def shv_sets(self, str name not None, str value not None):
        self.runtime.shared[name] = value
        return 1

    def shv_seti(self, str name not None, value):
        self.runtime.shared[name] = number(value)
        return 1

    cdef object avp(self, str name):
        values = self.runtime.context.state.avps.get(avp_name(name))
        return values[0] if values else None

    cdef int set_avp(self, str name, object value) except -2:
        self.runtime.context.state.avps.setdefault(avp_name(name), []).insert(0, value)
        return 1

    def avp_get(self, str name not None):
        """$avp(name): the newest value, None when there is none."""
        return self.avp(name)

    def avp_gete(self, str name not None):
        return shown_empty(self.avp(name))

    def avp_getw(self, str name not None):
        return shown_null(self.avp(name))

    def avp_sets(self, str name not None, str value not None):
        """Put it on top of the values that are there."""
        return self.set_avp(name, value)

    def avp_seti(self, str name not None, value):
        return self.set_avp(name, number(value))

    def avp_rm(self, str name not None):
        """Take the newest value away."""
        cdef dict avps = self.runtime.context.state.avps
        cdef object key = avp_name(name)
        if avps.get(key):
            avps[key].pop(0)
            if not avps[key]:
                del avps[key]
        return 1

    def avp_is_null(self, str name not None):
        return 1 if self.avp(name) is None else -1

    # --- $xavp, $xavu, $xavi -------------------------------------------------------------------------------------

    cdef object record(self, RecordKind kind, str root, str field=None):
        cdef RecordPath where = path(kind, root, field)
        return None if where is None else read_record(self.runtime.context.state, kind, where)

    cdef int set_record(self, RecordKind kind, str root, object value) except -2:
        cdef RecordPath where = path(kind, root)
        return 1 if where is not None and write_record(self.runtime.context.state, kind, where, value) else -1

    cdef int set_field(self, RecordKind kind, str root, str field, object value) except -2:
        """One value for the field, in the newest record; a plain value there gives way to a record."""
        cdef RecordPath where = path(kind, root, field)
        cdef list records
        if where is None:
            return -1
        records = records_of(self.runtime.context.state, kind).setdefault(where.root, [])
        if not records:
            records.append({})
        elif not isinstance(records[0], dict):
            records[0] = {}
        records[0][where.field] = [value]
        return 1

    cdef int remove(self, RecordKind kind, str root, str field=None) except -2:
        cdef RecordPath where = path(kind, root, field)
        if where is None:
            return -1
        remove_record(self.runtime.context.state, kind, where)
        return 1

    cdef object fields(self, RecordKind kind, str root, Py_ssize_t index):
        cdef list records = records_of(self.runtime.context.state, kind).get(
            root.lower() if kind == RECORDS_XAVI else root, [])
        if index < 0:
            index += len(records)
        return records[index] if 0 <= index < len(records) and isinstance(records[index], dict) else None

    cdef object all_fields(self, RecordKind kind, str root):
        return [dict(record) for record in records_of(self.runtime.context.state, kind).get(
            root.lower() if kind == RECORDS_XAVI else root, ()) if isinstance(record, dict)] or None

    def xavp_get(self, str root not None):
        """$xavp(root): the newest value, None when there is none."""
        return self.record(RECORDS_XAVP, root)

    def xavp_gete(self, str root not None):
        return shown_empty(self.record(RECORDS_XAVP, root))

    def xavp_getw(self, str root not None):
        return shown_null(self.record(RECORDS_XAVP, root))

    def xavp_sets(self, str root not None, str value not None):
        return self.set_record(RECORDS_XAVP, root, value)

    def xavp_seti(self, str root not None, value):
        return self.set_record(RECORDS_XAVP, root, number(value))

    def xavp_rm(self, str root not None):
        """Take the newest value or record away."""
        return self.remove(RECORDS_XAVP, root)

    def xavp_is_null(self, str root not None):
        return 1 if self.record(RECORDS_XAVP, root) is None else -1

    def xavp_child_get(self, str root not None, str field not None):
        """$xavp(root=>field), None when there is none."""
        return self.record(RECORDS_XAVP, root, field)

    def xavp_child_gete(self, str root not None, str field not None):
        return shown_empty(self.record(RECORDS_XAVP, root, field))

    def xavp_child_getw(self, str root not None, str field not None):
        return shown_null(self.record(RECORDS_XAVP, root, field))

    def xavp_child_sets(self, str root not None, str field not None, str value not None):
        """Write the field of the newest record; it is made when there is none."""
        return self.set_field(RECORDS_XAVP, root, field, value)

    def xavp_child_seti(self, str root not None, str field not None, value):
        return self.set_field(RECORDS_XAVP, root, field, number(value))

    def xavp_child_rm(self, str root not None, str field not None):
        return self.remove(RECORDS_XAVP, root, field)

    def xavp_child_is_null(self, str root not None, str field not None):
        return 1 if self.record(RECORDS_XAVP, root, field) is None else -1

    def xavp_getd(self, str root not None):
        """All records, each {field: [values, the newest first]}; None when there are none."""
        return self.all_fields(RECORDS_XAVP, root)

    def xavp_getd_p1(self, str root not None, Py_ssize_t index):
        """One record, {field: [values, the newest first]}; None when there is none with that number."""
        found = self.fields(RECORDS_XAVP, root, index)
        return None if found is None else dict(found)

    def xavp_get_keys(self, str root not None, Py_ssize_t index):
        """The fields of one record; None when there is none with that number."""
        found = self.fields(RECORDS_XAVP, root, index)
        return None if found is None else list(found)

    def xavu_get(self, str root not None):
        """$xavu(root): the newest value, None when there is none."""
        return self.record(RECORDS_XAVU, root)

    def xavu_gete(self, str root not None):
        return shown_empty(self.record(RECORDS_XAVU, root))

    def xavu_getw(self, str root not None):
        return shown_null(self.record(RECORDS_XAVU, root))

    def xavu_sets(self, str root not None, str value not None):
        return self.set_record(RECORDS_XAVU, root, value)

    def xavu_seti(self, str root not None, value):
        return self.set_record(RECORDS_XAVU, root, number(value))

    def xavu_rm(self, str root not None):
        """Take the newest value or record away."""
        return self.remove(RECORDS_XAVU, root)

    def xavu_is_null(self, str root not None):
        return 1 if self.record(RECORDS_XAVU, root) is None else -1

    def xavu_child_get(self, str root not None, str field not None):
        """$xavu(root=>field), None when there is none."""
        return self.record(RECORDS_XAVU, root, field)

    def xavu_child_gete(self, str root not None, str field not None):
        return shown_empty(self.record(RECORDS_XAVU, root, field))

    def xavu_child_getw(self, str root not None, str field not None):
        return shown_null(self.record(RECORDS_XAVU, root, field))

    def xavu_child_sets(self, str root not None, str field not None, str value not None):
        """Write the field of the newest record; it is made when there is none."""
        return self.set_field(RECORDS_XAVU, root, field, value)

    def xavu_child_seti(self, str root not None, str field not None, value):
        return self.set_field(RECORDS_XAVU, root, field, number(value))

    def xavu_child_rm(self, str root not None, str field not None):
        return self.remove(RECORDS_XAVU, root, field)

    def xavu_child_is_null(self, str root not None, str field not None):
        return 1 if self.record(RECORDS_XAVU, root, field) is None else -1

    def xavi_get(self, str root not None):
        """$xavi(root): the newest value, None when there is none."""
        return self.record(RECORDS_XAVI, root)

    def xavi_gete(self, str root not None):
        return shown_empty(self.record(RECORDS_XAVI, root))

    def xavi_getw(self, str root not None):
        return shown_null(self.record(RECORDS_XAVI, root))

    def xavi_sets(self, str root not None, str value not None):
        return self.set_record(RECORDS_XAVI, root, value)

    def xavi_seti(self, str root not None, value):
        return self.set_record(RECORDS_XAVI, root, number(value))

    def xavi_rm(self, str root not None):
        """Take the newest value or record away."""
        return self.remove(RECORDS_XAVI, root)

    def xavi_is_null(self, str root not None):
        return 1 if self.record(RECORDS_XAVI, root) is None else -1

    def xavi_child_get(self, str root not None, str field not None):
        """$xavi(root=>field), None when there is none."""
        return self.record(RECORDS_XAVI, root, field)

    def xavi_child_gete(self, str root not None, str field not None):
        return shown_empty(self.record(RECORDS_XAVI, root, field))

    def xavi_child_getw(self, str root not None, str field not None):
        return shown_null(self.record(RECORDS_XAVI, root, field))

    def xavi_child_sets(self, str root not None, str field not None, str value not None):
        """Write the field of the newest record; it is made when there is none."""
        return self.set_field(RECORDS_XAVI, root, field, value)

    def xavi_child_seti(self, str root not None, str field not None, value):
        return self.set_field(RECORDS_XAVI, root, field, number(value))

    def xavi_child_rm(self, str root not None, str field not None):
        return self.remove(RECORDS_XAVI, root, field)

    def xavi_child_is_null(self, str root not None, str field not None):
        return 1 if self.record(RECORDS_XAVI, root, field) is None else -1

    def xavi_getd(self, str root not None):
        """All records, each {field: [values, the newest first]}; None when there are none."""
        return self.all_fields(RECORDS_XAVI, root)

    def xavi_getd_p1(self, str root not None, Py_ssize_t index):
        """One record, {field: [values, the newest first]}; None when there is none with that number."""
        found = self.fields(RECORDS_XAVI, root, index)
        return None if found is None else dict(found)

    def xavi_get_keys(self, str root not None, Py_ssize_t index):
        """The fields of one record; None when there is none with that number."""
        found = self.fields(RECORDS_XAVI, root, index)
        return None if found is None else list(found)

    # --- from texts and back -------------------------------------------------------------------------------------

    cdef int explode(self, RecordKind kind, str parameters, str root) except -2:
        cdef dict record = {}
        for name, value in elements_of(parameters):
            record.setdefault(name, []).append(value)
        if not record or path(kind, root) is None:
            return -1
        if kind == RECORDS_XAVU:
            records_of(self.runtime.context.state, kind)[root] = [record]
        else:
            records_of(self.runtime.context.state, kind).setdefault(root, []).insert(0, record)
        return 1

    cdef int implode(self, RecordKind kind, str root, str destination) except -2:
        cdef dict record = self.fields(kind, root, 0)
        if record is None:
            return -1
        return self.assign(destination, "".join(
            [f"{name}={value};" if value != "" else f"{name};" for name, values in record.items() for value in values]))

    cdef int assign(self, str destination, str value) except -2:
        cdef PseudoVariable variable
        try:
            variable = pseudo_variable(destination)
        except ValueError as error:
            report("%s", error)
            return -1
        return 1 if variable.set(self.runtime.context, value) else -1

    def xavp_params_explode(self, str parameters not None, str root not None):
        """A record of "a=1;b=two"."""
        return self.explode(RECORDS_XAVP, parameters, root)

    def xavp_params_implode(self, str root not None, str destination not None):
        """The newest record as "a=1;b=two;", into the variable that `destination` names."""
        return self.implode(RECORDS_XAVP, root, destination)

    def xavu_params_explode(self, str parameters not None, str root not None):
        return self.explode(RECORDS_XAVU, parameters, root)

    def xavu_params_implode(self, str root not None, str destination not None):
        return self.implode(RECORDS_XAVU, root, destination)

    def xavp_slist_explode(self, str text not None, str separator not None, str mode not None, str root not None):
        """A record whose field v has the parts of `text`; mode "t" trims them."""
        if not separator:
            return -1
        parts = [part.strip() if "t" in mode else part for part in text.split(separator)]
        if path(RECORDS_XAVP, root) is None:
            return -1
        self.runtime.context.state.xavps.setdefault(root, []).insert(0, {"v": parts})
        return 1

    cdef object copy_of(self, str source, Py_ssize_t index):
        found = self.fields(RECORDS_XAVP, source, index)
        return None if found is None else {name: list(values) for name, values in found.items()}

    def xavp_copy(self, str source not None, Py_ssize_t index, str destination not None):
        """A copy of one record as the newest of another name."""
        copy = self.copy_of(source, index)
        if copy is None:
            return -1
        self.runtime.context.state.xavps.setdefault(destination, []).insert(0, copy)
        return 1

    def xavp_copy_dst(self, str source not None, Py_ssize_t index, str destination not None, Py_ssize_t place):
        """A copy of one record in the place of another."""
        copy = self.copy_of(source, index)
        records = self.runtime.context.state.xavps.get(destination, [])
        if copy is None or not 0 <= place < len(records):
            return -1
        records[place] = copy
        return 1

    def pv_var_to_xavp(self, str name not None, str root not None):
        """$var(name), or with "*" all of them, as fields of a record; what the record was before is gone."""
        names = [each for each in self.runtime.variables if isinstance(each, str)] if name == "*" else [name]
        record = {each: [self.runtime.variables[each]] for each in names if each in self.runtime.variables}
        if not record or path(RECORDS_XAVP, root) is None:
            return -1
        self.runtime.context.state.xavps[root] = [record]
        return 1

    def pv_xavp_to_var(self, str root not None):
        """Each field of the newest record as $var(field)."""
        record = self.fields(RECORDS_XAVP, root, 0)
        if record is None:
            return -1
        for name, values in record.items():
            self.runtime.variables[name] = values[0]
        return 1

    def evalx(self, str destination not None, str text not None):
        """A text with variables in it, into the variable that `destination` names."""
        try:
            template = text_template(text)
        except ValueError as error:
            report("%s", error)
            return -1
        return self.assign(destination, template.evaluate(self.runtime.context))

    def pv_xavp_print(self):
        """All of $xavp in the log."""
        return self.log_records("xavp", self.runtime.context.state.xavps)

    def pv_xavu_print(self):
        return self.log_records("xavu", self.runtime.context.state.xavus)

    def pv_xavi_print(self):
        return self.log_records("xavi", self.runtime.context.state.xavis)

    cdef int log_records(self, str kind, dict records) except -2:
        for root, values in records.items():
            logger.info("$%s(%s): %r", kind, root, values)
        return 1

    # --- $sbranch ------------------------------------------------------------------------------------------------

    def sbranch_reset(self):
        """Forget what $sbranch(...) holds."""
        reset_static_branch(self.runtime.context)
        return 1

    def sbranch_append(self):
        """Make a further destination of $sbranch(...)."""
        return 1 if append_static_branch(self.runtime.context) else -1

    def sbranch_set_ruri(self):
        """Make $sbranch(...) the Request-URI, $du, $fs and $bf."""
        return 1 if take_static_branch(self.runtime.context) else -1
