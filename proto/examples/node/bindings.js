// BindingService: each method returns its request as it arrived.

const same = async (request) => request;

export const bindingMethods = () => ({ Choose: same, Select: same, Change: same, Act: same, Report: same });
